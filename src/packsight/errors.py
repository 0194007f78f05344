"""The exceptions that mean: the user can mend this."""


class UserError(ValueError):
    """A user's mistake. Its message says what was wrong, the value or path, and what to do.

    Scripts print the message alone and exit with code 2; every other exception is a defect of
    packsight and keeps its traceback.
    """


class FullDiskError(UserError):
    """The disk is full: nothing else can be written either."""
