from lvsctl.model.moment import rfc3339, unix_time


def test_a_moment_is_written_in_utc_with_milliseconds_unless_told_otherwise():
    assert rfc3339(1_769_860_800.1234) == "2026-01-31T12:00:00.123Z"
    assert rfc3339(1_769_860_800.9, timespec="seconds") == "2026-01-31T12:00:00Z"


def test_what_is_written_is_read_back_and_so_is_any_offset():
    assert unix_time(rfc3339(1_769_860_800.125)) == 1_769_860_800.125
    assert unix_time("2026-01-31T13:00:00+01:00") == 1_769_860_800.0
