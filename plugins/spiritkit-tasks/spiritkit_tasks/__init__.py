"""What a model can do when it is shown or told: few-shot tasks, sentiment preservation, resynthesis."""
