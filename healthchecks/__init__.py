"""Check kinds, one file each: Params, run, KIND. They know lvsctl.checkapi and nothing else of lvsctl."""
