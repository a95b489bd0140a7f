"""How new ids are chosen, whatever the language model: plain functions of logits."""
