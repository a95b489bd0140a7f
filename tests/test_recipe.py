from __future__ import annotations

import random
from pathlib import Path

import pytest

from spiritkit.errors import RecipeError, RequestError
from spiritkit.recipe import Recipe, open_recipe
from spiritkit.recipe.check import KEYS
from spiritkit.recipe.merge import merged
from spiritkit.recipe.show import with_origins
from spiritkit.registry.recipes import find, names

EXPRESSIVE = "spiritlm/expressive"
ALL = ["checkpoints=/c", "data=/d", "text_model=/m"]


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIRITLM_CHECKPOINTS_DIR", raising=False)
    return tmp_path


def write(name: str, text: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        open_recipe(write("r.yaml", text), overrides)
    return caught.value.problems


def plain(recipe: Recipe, *keys: str) -> object:
    value = recipe.tree.plain()
    for key in keys:
        value = value[key]
    return value


@pytest.mark.parametrize("name", names())
def test_every_recipe_is_valid(name: str) -> None:
    wanted = {key for key, node in merged(find(name), set()).items() if node.value == "???" or key == "checkpoints"}
    recipe = open_recipe(name, [f"{key}=/nowhere" for key in sorted(wanted)])
    # What `resolve` prints opens as the same recipe.
    for text in (recipe.to_yaml(), with_origins(recipe.tree)):
        again = open_recipe(write("again.yaml", text))
        assert again.tree.plain() == {key: value for key, value in recipe.tree.plain().items() if key in KEYS}


def test_fragments_are_extended_but_are_no_recipes() -> None:
    assert "spiritlm/_training" not in names()
    recipe = open_recipe(write("mine.yaml", "extends: [spiritlm/base, spiritlm/_training]\n"), ALL)
    assert list(recipe.checked.steps)[-2:] == ["train", "try"]


def test_expressive_keeps_the_order_of_ties() -> None:
    recipe = open_recipe(EXPRESSIVE, ["checkpoints=/c", "tokenizers.style.device=cpu"])
    assert list(recipe.checked.tokenizers) == ["style", "pitch", "hubert"]
    assert plain(recipe, "tokenizers", "hubert", "layer") == 11
    assert plain(recipe, "text_tokenizer", "model") == "/c/spiritlm_model/spirit-lm-expressive-7b/tokenizer.model"


# -- extends, overrides, interpolation --------------------------------------------------------------------------------


def test_extends_merges_mappings_replaces_lists_and_drops_siblings_of_a_changed_use() -> None:
    write(
        "base/a.yaml",
        "v: 1\nsteps:\n  t: {use: tokenize.v1, audio: [a, b]}\n  r: {use: resynthesize.v1, audio: ['${v}x']}\n",
    )
    write("b.yaml", "extends: base/a.yaml\nsteps:\n  t: {audio: [c]}\n")
    recipe = open_recipe(write("c.yaml", "extends: [b.yaml]\nsteps:\n  r: {use: tokenize.v1, audio: [d]}\n"), ["v=2"])
    assert plain(recipe, "steps", "t", "audio") == ["c"]
    assert plain(recipe, "steps", "r") == {"use": "tokenize.v1", "audio": ["d"]}


def test_extends_by_package_and_by_name() -> None:
    for reference in ("spiritlm/base", "spiritkit:recipes/spiritlm/base.yaml"):
        recipe = open_recipe(write("c.yaml", f"extends: {reference}\ncheckpoints: /c\n"))
        assert plain(recipe, "tokenizers", "hubert", "use") == "hubert.v1"


@pytest.mark.parametrize(
    ("extends", "message"),
    [("nosuch", "c.yaml:1: extends: no recipe 'nosuch'"), ("c.yaml", "c.yaml:1: extends: 'c.yaml' extends itself"),
     ("[1]", "c.yaml:1: extends: is 1; expected a recipe"), ("no.such:x", "no package 'no.such' is installed"),
     (":x", "no package '' is installed"), ("x" * 300, "too long"), ("spiritlm/bsae", "did you mean 'spiritlm/base'")],
)  # fmt: skip
def test_wrong_extends(extends: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        open_recipe(write("c.yaml", f"extends: {extends}\n"))
    assert message in str(caught.value)


def test_overrides_split_at_the_first_equals_sign_and_index_lists() -> None:
    recipe = open_recipe(
        write("r.yaml", "steps:\n  g: {use: generate.v1, prompts: [a, {text: b}]}\n"),
        [
            "steps.g.prompts.0=1 + 1 = 2",
            "steps.g.prompts.1.text=Well: go [on]",
            "steps.g.top_p=9e-1",
            "seed=3",
            "name=n",
        ],
    )
    assert plain(recipe, "steps", "g", "prompts") == ["1 + 1 = 2", {"text": "Well: go [on]"}]
    assert plain(recipe, "steps", "g", "top_p") == 0.9
    assert (recipe.seed, recipe.name, recipe.output_dir) == (3, "n", Path("runs/n"))


def test_override_of_use_drops_the_siblings() -> None:
    text = "steps:\n  g: {use: generate.v1, prompts: [a], top_p: 0.5}\n"
    recipe = open_recipe(write("r.yaml", text), ["steps.g.use=tokenize.v1", "steps.g.audio=[x]"])
    assert plain(recipe, "steps", "g") == {"use": "tokenize.v1", "audio": ["x"]}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("nonsense", "override: 'nonsense'; expected key=value"),
        ("=3", "expected key=value"),
        ("steps.g.prompts.7=x", "override 'steps.g.prompts.7': steps.g.prompts.7: no such item; the list has 0…0"),
        ("steps.g.top_q=1", "override 'steps.g.top_q': steps.g.top_q: generate.v1 takes prompts"),
        ("steps.g={a: [}", "override 'steps.g': steps.g: not YAML"),
    ],
)
def test_wrong_overrides(override: str, message: str) -> None:
    text = "steps:\n  g: {use: generate.v1, prompts: [a]}\n"
    assert any(message in problem for problem in problems(text, override))


def test_defaults_of_name_seed_and_output_dir() -> None:
    recipe = open_recipe(write("mine.yaml", "steps: {}\n"))
    assert (recipe.name, recipe.seed, recipe.output_dir) == ("mine", 0, Path("runs/mine"))


def test_interpolation_faults_are_reported_where_they_are_written() -> None:
    text = (
        "a: ${b}\nb: ${a}\nc: ${oc.env:NO_SUCH_VARIABLE_HERE}\nd: ${nope}\ne: ${\n"
        "steps:\n  t: {use: tokenize.v1, audio: ['${c}', '${d}', '${e}']}\n"
    )
    found = problems(text)
    for start in ("r.yaml:1: a: ", "r.yaml:2: b: ", "r.yaml:3: c: ", "r.yaml:4: d: ", "r.yaml:5: e: "):
        assert any(problem.startswith(start) for problem in found), (start, found)
    assert not any("steps.t.audio" in problem for problem in found)  # consequences, not causes


def test_a_variable_may_be_null_and_null_drops_a_section() -> None:
    step = "steps: {g: {use: generate.v1, prompts: [], speaker: '${voice}'}}\n"
    write("base.yaml", "voice: 3\nvocoder: {use: example-vocoder.v1, energy_stream: a, centroid_stream: b}\n" + step)
    recipe = open_recipe(write("r.yaml", "extends: base.yaml\nvoice: null\nvocoder: null\n"))
    assert plain(recipe, "steps", "g", "speaker") is None
    assert "vocoder" not in recipe.checked.parts
    assert plain(open_recipe("base.yaml"), "steps", "g", "speaker") == 3


def test_what_a_package_ships_can_be_named() -> None:
    import spiritkit_example

    found = open_recipe(write("r.yaml", "name: ${package:spiritkit_example:plugin.py}\n")).tree
    assert found.plain()["name"] == str(Path(spiritkit_example.__file__).parent / "plugin.py")
    other, gone = problems("name: ${package:no_such_package:x}\noutput_dir: ${package:spiritkit_example:x.pt}\n")
    assert other.startswith("r.yaml:1: name: '${package:no_such_package:x}' cannot be resolved: ")
    assert other.endswith("no package 'no_such_package' is installed")
    assert gone.startswith("r.yaml:2: output_dir: ")
    assert gone.endswith("no such file or folder; expected what 'spiritkit_example:x.pt' names")


def test_a_missing_mandatory_value() -> None:
    assert "r.yaml:2: steps.t.audio: must be given" in problems("steps:\n  t: {use: tokenize.v1, audio: '???'}\n")


def test_a_step_with_an_unresolved_value_is_not_tried() -> None:
    text = "clip: ???\nblocks: ???\nsteps:\n  g: {use: generate.v1, prompts: [{speech: '${clip}'}], top_p: '${clip}'}\n"
    found = problems(text + "vocabulary: {blocks: '${blocks}'}\n")
    assert found == ["r.yaml:1: clip: must be given", "r.yaml:2: blocks: must be given"]


def test_chunks_have_a_length() -> None:
    assert "r.yaml:1: chunking.chunk_seconds: is 1e-05; expected at least 0.001" in problems(
        "chunking: {chunk_seconds: 0.00001}\n"
    )
    assert "r.yaml:1: chunking: of 0.05 s; expected at least shortest_seconds (0.08)" in problems(
        "chunking: {chunk_seconds: 0.05}\n"
    )


def test_only_parameters_that_take_hub_names_pass_without_a_file() -> None:
    overrides = ["checkpoints=/c", "text_tokenizer.model=models/tokenizer.model", "language_model.checkpoint=org/model"]
    with pytest.raises(RecipeError) as caught:
        open_recipe("spiritlm/base", overrides).check_files()
    assert any("text_tokenizer.model: models/tokenizer.model: no such file" in line for line in caught.value.problems)
    assert not any("language_model" in line for line in caught.value.problems)


# -- checking ---------------------------------------------------------------------------------------------------------


def test_every_problem_at_once_with_line_key_and_nearest_name() -> None:
    text = """\
extends: spiritlm/expressive
checkpoints: /c
tokenizers:
  hubert:
    layr: 3
  pitch:
    f0: {use: fpce.v1}
language_model:
  use: lama.v1
vocoder:
  speaker: [1]
vocabulary:
  blocks: [{text: true}, {stream: huber, format: "[Hu{}]"}, {markers: 3}]
  pad_to_multiple: 2
serialiser: {use: time-merge.v1}
chunking: {chunk_second: 3, batch_seconds: -1}
seed: 1.5
steps:
  a: {use: generate.v1, prompts: [{txt: x}], output: sound, temperature: hot}
  b: {use: tokenize.v1}
  c: 3
"""
    found = problems(text)
    expected = [
        "r.yaml:5: tokenizers.hubert.layr: hubert.v1 takes checkpoint, ",
        "did you mean 'layer'?",
        "r.yaml:7: tokenizers.pitch.f0.use: no f0_extractor 'fpce.v1'; did you mean 'fcpe.v1'?",
        "r.yaml:9: language_model.use: no language_model 'lama.v1'; did you mean 'llama.v1'?",
        "r.yaml:11: vocoder.speaker: is [1]; expected ",
        "r.yaml:13: vocabulary.blocks.1.stream: no tokenizer 'huber'; did you mean 'hubert'?",
        "r.yaml:13: vocabulary.blocks.2: markers is 3",
        "r.yaml:14: vocabulary.pad_to_multiple: takes blocks, pad_to_multiple_of, bos, eos",
        "; did you mean 'pad_to_multiple_of'?",
        "r.yaml:15: serialiser: neither a recipe key nor a variable",
        "did you mean 'serializer'?",
        "r.yaml:16: chunking.chunk_second: takes ",
        "r.yaml:16: chunking.batch_seconds: is -1; expected at least 0.001",
        "r.yaml:17: seed: is 1.5; expected int",
        "r.yaml:19: steps.a.output: is 'sound'; expected 'text' or 'speech' or 'any'",
        "r.yaml:19: steps.a.temperature: is 'hot'; expected float",
        "r.yaml:20: steps.b: tokenize.v1 needs audio",
        "r.yaml:21: steps.c: is 3; expected {use: ",
    ]
    for line in expected:
        assert any(line in problem for problem in found), (line, found)


def test_which_markers_open_and_end_sequences() -> None:
    text = """\
tokenizers: {hubert: {use: hubert.v1, checkpoint: /c, quantizer: {use: kmeans.v1, checkpoint: /k}}}
vocabulary:
  blocks: [{markers: ["<pad>", "<S>"]}, {stream: hubert, format: "<Un{}>"}]
  bos: %s
  eos: %s
"""
    assert open_recipe(write("r.yaml", text % ("<S>", "<S>"))).checked.vocabulary is not None
    assert problems(text % ("<s>", "[1]")) == [
        "r.yaml:4: vocabulary.bos: no marker '<s>'; there are <pad>, <S>",
        "r.yaml:5: vocabulary.eos: is [1]; expected str or null",
    ]
    with_text = text.replace('{markers: ["<pad>", "<S>"]}', "{text: true}")
    assert "vocabulary.bos: is '<S>', but sequences with text are opened" in problems(with_text % ("<S>", "null"))[0]


def test_a_steps_own_constructor_is_heard() -> None:
    text = "steps:\n  a: {use: generate.v1, prompts: [{txt: x}]}\n  b: {use: generate.v1, prompts: [x], top_p: 2}\n"
    found = problems(text)
    assert found[0].startswith("r.yaml:2: steps.a: prompt 0 has a part with keys txt")
    assert found[1].startswith("r.yaml:3: steps.b: top_p is 2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "r.yaml:2: a: given twice; the first is on line 1"),
        ("a: [1\nb: 2\n", "r.yaml:2: not YAML"),
        ("- 1\n", "r.yaml:1: the recipe is a list"),
        ("just words\n", "r.yaml:1: the recipe is a string"),
        ("a: !!python/object:os.system x\n", "r.yaml:1: a: has the tag"),
        ("a: &x [*x]\n", "nested deeper"),
        ("a: .nan\n", "r.yaml:1: a: '.nan' cannot be read"),
        ("? [1]\n: 2\n", "a key is not a word"),
        ("steps: {'a/b': {use: tokenize.v1, audio: [x]}}", "r.yaml:1: steps.a/b: expected a name"),
        ("a: 'x\x01'\n", "r.yaml:1: not YAML"),
    ],
)
def test_files_that_are_no_recipes(text: str, message: str) -> None:
    assert any(message in problem for problem in problems(text)), problems(text)


def test_a_file_that_is_not_text() -> None:
    Path("r.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="r.yaml:1: not a text file"):
        open_recipe("r.yaml")


def test_yaml_values_mean_what_people_write() -> None:
    text = "steps:\n  g: {use: generate.v1, prompts: ['no'], temperature: 1e-1, top_p: 1, max_new_tokens: 1_000}\n"
    recipe = open_recipe(write("r.yaml", text), ["steps.g.prompts=[no, 1:30, 2024-01-01, 007, on]"])
    assert plain(recipe, "steps", "g", "prompts") == ["no", "1:30", "2024-01-01", "007", "on"]
    assert plain(recipe, "steps", "g", "temperature") == 0.1
    assert plain(recipe, "steps", "g", "max_new_tokens") == 1000


def test_strange_line_breaks_survive() -> None:
    recipe = open_recipe(write("r.yaml", 'steps:\n  g: {use: generate.v1, prompts: ["a\\x85b\\u2028c"]}\n'))
    for text in (recipe.to_yaml(), with_origins(recipe.tree)):
        assert plain(open_recipe(write("again.yaml", text)), "steps", "g", "prompts") == ["a\x85b\u2028c"]


def test_missing_files_say_where_how_and_the_licence() -> None:
    with pytest.raises(RecipeError) as caught:
        open_recipe(EXPRESSIVE, ["checkpoints=/nowhere"]).check_files()
    message = str(caught.value)
    assert (
        "tokenizers.hubert.checkpoint: /nowhere/speech_tokenizer/hubert_25hz/mhubert_base_25hz.pt: no such" in message
    )
    assert "tokenizers.hubert.quantizer.checkpoint: /nowhere/" in message
    assert "language_model.checkpoint: /nowhere/spiritlm_model/spirit-lm-expressive-7b" in message
    assert "non-commercial research only" in message
    assert "Ask Meta" in message


def test_an_unset_checkpoint_variable_says_how_to_ask() -> None:
    with pytest.raises(RecipeError) as caught:
        open_recipe("spiritlm/base")
    assert len(caught.value.problems) == 2
    assert "base.yaml:3: checkpoints: " in caught.value.problems[0]
    assert "SPIRITLM_CHECKPOINTS_DIR" in caught.value.problems[0]
    assert "non-commercial" in caught.value.problems[1]


# -- mutations --------------------------------------------------------------------------------------------------------


def mutate(text: str, pick: random.Random) -> str:
    """One to three edits such as a hand slips into: characters, words, lines, indentation, values of another type."""
    for _ in range(pick.randint(1, 3)):
        lines = text.split("\n")
        row = pick.randrange(len(lines))
        at = pick.randrange(len(lines[row]) + 1)
        kind = pick.randrange(9)
        if kind == 0:
            lines[row] = lines[row][:at] + lines[row][at + 1 :]
        elif kind == 1:
            lines[row] = lines[row][:at] + pick.choice("abcxyz01:{}[]\"'#&*!|>%@`\t-,? $\\\x00é\n") + lines[row][at:]
        elif kind == 2:
            del lines[row]
        elif kind == 3:
            lines.insert(row, lines[pick.randrange(len(lines))])
        elif kind == 4:
            lines[row] = " " * pick.randrange(6) + lines[row].lstrip()
        elif kind == 5:
            key = lines[row].split(":")[0]
            lines[row] = f"{key}: " + pick.choice(
                [
                    "null",
                    "3",
                    "-1.5",
                    "[]",
                    "{}",
                    "[[a]]",
                    "{use: x}",
                    "true",
                    "${name}",
                    "${x.y}",
                    "'???'",
                    "!!set {a}",
                ]
            )
        elif kind == 6:
            word = pick.choice(["use", "checkpoint", "hubert", "steps", "blocks", "format", "layer", "text", "v1"])
            lines[row] = lines[row].replace(word, pick.choice([word[:-1], word + "s", word.upper(), ""]))
        elif kind == 7:
            other = pick.randrange(len(lines))
            lines[row], lines[other] = lines[other], lines[row]
        else:
            lines[row] = lines[row][:at]
        text = "\n".join(lines)
    return text


def test_500_mutated_recipes_are_valid_or_name_line_and_key(in_folder: Path) -> None:
    whole = open_recipe(EXPRESSIVE, ["checkpoints=/c"]).to_yaml()
    sources = [
        whole,
        names()[EXPRESSIVE].read_text(),
        names()["spiritlm/base"].read_text().replace("${oc.env:SPIRITLM_CHECKPOINTS_DIR}", "/c"),
    ]
    valid = invalid = 0
    for seed in range(500):
        pick = random.Random(seed)
        write("m.yaml", mutate(sources[seed % 3], pick))
        try:
            open_recipe("m.yaml", ["checkpoints=/c"])
            valid += 1
        except RequestError as error:  # anything else is the traceback that must not be
            invalid += 1
            lines = getattr(error, "problems", [])
            assert lines, (seed, error)
            for line in lines:
                assert line.startswith(("m.yaml:", "override 'checkpoints'", "checkpoints: ", "/")), (seed, line)
    assert valid > 20
    assert invalid > 200
