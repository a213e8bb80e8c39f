"""When a message is sent again."""

from wayproof.simulate.resend import Outstanding, pause_s


def test_each_message_is_due_at_once_and_then_at_growing_intervals() -> None:
    outstanding, sent_at_s = Outstanding(resend_after_s=10.0), []
    for now_s in range(1_000):
        for number in outstanding.due([7], now_s=now_s):
            outstanding.sent(number, now_s=now_s)
            sent_at_s.append(now_s)
    assert sent_at_s == [0, 10, 30, 70, 150, 310, 470, 630, 790, 950]


def test_the_order_of_the_spool_is_kept() -> None:
    outstanding = Outstanding(resend_after_s=10.0)
    outstanding.sent(2, now_s=0.0)
    assert outstanding.due([1, 2, 3], now_s=5.0) == [1, 3]
    assert outstanding.due([1, 2, 3], now_s=10.0) == [1, 2, 3]


def test_what_was_never_handed_over_stays_due() -> None:
    outstanding = Outstanding(resend_after_s=10.0)
    assert outstanding.due([1, 2], now_s=0.0) == [1, 2]
    assert outstanding.due([1, 2], now_s=1.0) == [1, 2]


def test_what_waits_no_longer_is_forgotten() -> None:
    outstanding = Outstanding(resend_after_s=10.0)
    outstanding.sent(1, now_s=0.0)
    assert outstanding.due([], now_s=1.0) == []
    assert outstanding.due([1], now_s=2.0) == [1]


def test_pauses_before_connecting_again_double_up_to_the_longest_and_half_of_each_is_chance() -> None:
    pauses = [
        (pause_s(failures, first_s=0.5, longest_s=30, draw=min), pause_s(failures, first_s=0.5, longest_s=30, draw=max))
        for failures in (0, 1, 2, 5, 6, 1_000)
    ]
    assert pauses == [(0.25, 0.5), (0.5, 1), (1, 2), (8, 16), (15, 30), (15, 30)]
