// What a fresh Node process costs that does nothing.
