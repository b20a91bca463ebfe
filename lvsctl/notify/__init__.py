"""Who is told: notifications in; HTTP requests, mails and programs out.

A receiver has one file here with what it is sent (pure) and how. `delivery` keeps what waits for each of them on disk
and tries until it is taken. No secret leaves this room but to its receiver: errors name the receiver and its host.
"""
