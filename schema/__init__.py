"""The API's words: types, inputs, payloads, extensions. No decisions are made here."""
