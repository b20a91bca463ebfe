"""`top`: the status of a running daemon on the whole screen, kept up to date, with keys to drain and undrain.

Around it all: `command` (options), `loop` (waits for keys, news and the clock), `terminal` (taken over, given back).
Who asks: `asker` (in threads of its own), `seen` (what the daemon has told, as nouns).
Who keeps: `session` - the `scene` (what was told until now) and the `view` (how the operator looks at it).
Who reads keys: `keys` (bytes -> keys), `press` (key and view -> view and wishes).
Who paints: `rows` (which, in what order), `words`, `detail`, `body` (a row), `foot` (the lines about keys), `frame`
(the whole screen), on `cells` (safe text of known width); `paint` sends what changed.

Only `asker`, `loop` and `terminal` touch the world; the others are values and functions of them.
"""
