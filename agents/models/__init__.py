"""Language models: one gateway, with the model that ships in a package and any OpenAI-compatible endpoint behind it."""
