"""Configurations of causal models in Hugging Face format, and of SlamKit's, which hold one inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spiritkit_llama.checkpoint import with_readable_rope
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, PretrainedConfig

from spiritkit import checkpoints
from spiritkit.errors import CheckpointError

#: What decides the model's shape, arithmetic or context; transformers would fill in a default for each that is missing.
_NEEDED = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")
#: The `model_type` of SlamKit's checkpoints (Slam, SIMS, its TWIST): the text model that they began as, with another
#: embedding, its configuration under `base_config` and its tensors under `lm.`.
_SLAMKIT = "speech_language_model"


def configuration(folder: Path) -> tuple[PretrainedConfig, str]:
    """The `config.json` of a checkpoint.

    Returns:
        The configuration of the causal model, and what its tensors' names in the files begin with before its own.

    Raises:
        CheckpointError: there is none, its `model_type` is no causal model that transformers knows, or it lacks a key.
    """
    path = folder / "config.json"
    if not path.exists():
        raise CheckpointError(folder, "has no config.json; expected a causal model in Hugging Face format")
    settings = checkpoints.read_json(path)
    if settings.get("model_type") != _SLAMKIT:
        return _known(settings, path), ""
    inside = checkpoints.entry(settings, "base_config", path)
    if not isinstance(inside, dict):
        raise CheckpointError(path, f"base_config is a {type(inside).__name__}; expected a configuration")
    # The embedding was made anew for the speech tokens, and its size is said outside.
    return _known({**inside, "vocab_size": checkpoints.entry(settings, "vocab_size", path)}, path), "lm."


def _known(settings: dict[str, Any], path: Path) -> PretrainedConfig:
    kind = settings.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise CheckpointError(path, f"model_type is {kind!r}; expected one that transformers knows, such as 'qwen2'")
    config_class = CONFIG_MAPPING[kind]
    if config_class not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise CheckpointError(path, f"model_type is {kind!r}; expected a causal language model's, such as 'qwen2'")
    for key in _NEEDED:
        own = config_class.attribute_map.get(key, key)  # e.g. GPT-2's n_embd
        if key not in settings:
            checkpoints.entry(settings, own, path)
    try:
        return config_class.from_dict(with_readable_rope(settings))
    except Exception as error:  # its checks raise types that differ between versions
        raise CheckpointError(path, f"not a valid {kind} configuration: {error}") from error
