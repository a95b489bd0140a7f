"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from spiritkit.registry import Component, hookimpl


@hookimpl
def spiritkit_components() -> list[Component]:
    """Serializers, corpora, span policies and the steps of the main job."""
    return [
        Component(
            "serializer", "time-merge.v1", "spiritkit.serializers.time_merge:TimeMerge", "streams merged by time"
        ),
        Component(
            "serializer",
            "frame-interleave.v1",
            "spiritkit.serializers.frame_interleave:FrameInterleave",
            "streams of one rate, frame by frame",
        ),
        Component(
            "corpus", "folder.v1", "spiritkit.data.corpora.folder:FolderCorpus", "recordings and a table of transcripts"
        ),
        Component("corpus", "text.v1", "spiritkit.data.corpora.text:TextCorpus", "documents: jsonl, txt, parquet"),
        Component("corpus", "joined.v1", "spiritkit.data.corpora.joined:JoinedCorpus", "corpora one after the other"),
        Component("corpus", "subset.v1", "spiritkit.data.corpora.subset:SubsetCorpus", "some utterances of a corpus"),
        *[
            Component("span_policy", name, f"spiritkit.interleave.{target}", summary)
            for name, target, summary in (
                ("word-spans.v1", "word_spans:WordSpans", "text and speech in turns, of random numbers of words"),
                ("random.v1", "random_words:RandomWords", "each word by itself text or speech"),
                ("span.v1", "fixed_spans:FixedSpans", "spans of speech of one length, which begin anywhere"),
                ("poisson.v1", "poisson:PoissonSpans", "spans of speech until a share of the words is speech"),
                ("word-level.v1", "word_level:WordLevel", "each word written, then spoken"),
                ("asr-tts.v1", "asr_tts:AsrTts", "the whole as text, then as speech, or the other way round"),
                ("few-shot.v1", "few_shot:FewShot", "the same between the flags of few-shot prompts"),
                ("speech-only.v1", "speech_only:SpeechOnly", "the whole as speech"),
                ("text-only.v1", "text_only:TextOnly", "the whole as text"),
            )
        ],
        Component(
            "speech_text_model",
            "cascade.v1",
            "spiritkit.cascade:Cascade",
            "recognizer → text model → synthesizer",
        ),
        Component("step", "tokenize.v1", "spiritkit.steps.tokenize:Tokenize", "audio files → units and token strings"),
        Component(
            "step", "resynthesize.v1", "spiritkit.steps.resynthesize:Resynthesize", "audio files → units → audio files"
        ),
        Component("step", "prepare.v1", "spiritkit.steps.prepare:Prepare", "a corpus → shards of units and words"),
        Component(
            "step",
            "train-lm.v1",
            "spiritkit.training.lm.train_lm:TrainLM",
            "prepared data → a trained language model",
        ),
        *[
            Component("task", name, f"spiritkit.evaluation.likelihood.{target}", summary)
            for name, target, summary in (
                ("swuggy.v1", "swuggy:SWuggy", "words against non-words, spoken and written"),
                ("sblimp.v1", "sblimp:SBlimp", "grammatical sentences against ungrammatical ones, spoken and written"),
                (
                    "storycloze.v1",
                    "storycloze:StoryCloze",
                    "right endings of stories against wrong ones",
                ),
                ("salmon.v1", "salmon:Salmon", "recordings whose speaker, mood, noise or room fits"),
            )
        ],
        Component(
            "step", "evaluate.v1", "spiritkit.evaluation.evaluate:Evaluate", "tasks → figures with intervals, tables"
        ),
        Component("step", "generate.v1", "spiritkit.steps.generate:Generate", "prompts → text and speech"),
        Component("step", "report.v1", "spiritkit.report.step:Report", "what earlier steps made → an HTML page"),
        Component("panel", "words.v1", "spiritkit.report.words:Words", "words, given or heard, with their times"),
    ]


@hookimpl
def spiritkit_recipes() -> list[str]:
    """The recipes of `recipes/`."""
    return ["spiritkit:recipes"]
