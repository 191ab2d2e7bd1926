"""Other packages' records are emptied while a message is sent: in this thread, whatever stands in between, and nowhere else."""

from __future__ import annotations

import functools
import logging
import threading

import pytest

from django_apiaccess.sms.silence import WITHHELD, silence

log = logging.getLogger("another.package")


def test_records_of_others_say_nothing_and_ours_speak(caplog):
    with silence():
        log.error("the code is %s", "481516", stack_info=True)
        try:
            raise ValueError("481516")
        except ValueError:
            log.exception("it failed")
        logging.getLogger("another.package.made.meanwhile").warning("481516")
        logging.getLogger().warning("481516")
        logging.getLogger("django_apiaccess").warning("it is us")
        logging.getLogger("django_apiaccess_of_another").warning("481516")
    assert [record.getMessage() for record in caplog.records] == [WITHHELD] * 4 + ["it is us", WITHHELD]
    assert not any(record.exc_info or record.stack_info or record.args for record in caplog.records)


def test_afterwards_they_speak_again_also_after_an_error(caplog):
    with pytest.raises(ValueError, match="x"), silence():
        raise ValueError("x")
    log.warning("said %s", "aloud")
    assert caplog.messages == ["said aloud"]


def test_another_thread_speaks_meanwhile(caplog):
    with silence():
        thread = threading.Thread(target=log.warning, args=("said in a thread",))
        thread.start()
        thread.join(10)
    assert caplog.messages == ["said in a thread"]


@pytest.fixture
def factory():
    before = logging.getLogRecordFactory()
    yield before
    logging.setLogRecordFactory(before)


def test_a_factory_that_was_put_in_place_of_ours_is_found_out(caplog, factory):
    with silence():
        pass
    logging.setLogRecordFactory(logging.LogRecord)
    with silence():
        log.warning("481516")
    assert caplog.messages == [WITHHELD]


def test_the_factory_does_not_grow_with_every_message(factory):
    with silence():
        installed = logging.getLogRecordFactory()
    logging.setLogRecordFactory(functools.partial(installed))
    in_front = logging.getLogRecordFactory()
    for _ in range(3):
        with silence():
            pass
    assert logging.getLogRecordFactory() is in_front
