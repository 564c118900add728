"""What outlives the process."""
from __future__ import annotations

import sqlite3

import pytest

from demo_app import create_app, store
from demo_app.store import Store


@pytest.fixture
def memory():
    made = Store(':memory:')
    made.name_user('ann', 'Ann')
    yield made
    made.close()


def test_it_is_there_again(tmp_path):
    path = tmp_path / 'demo.sqlite3'
    first = Store(path)
    key = first.secret_key()
    first.name_user('ann', 'Ann')
    first.add_room('Garden')
    message, is_new = first.add_message('room:Garden', 'ann', 'key', 'hello', ('a', 'b/c', b'data'))
    assert is_new
    first.close()

    second = Store(path)
    assert second.secret_key() == key
    assert second.nickname('ann') == 'Ann'
    assert second.rooms()[-1] == 'Garden'
    assert second.history('room:Garden', 10) == ([message], False)
    assert second.file(message['file']['id'])['data'] == b'data'
    second.close()


@pytest.mark.parametrize('statement', ['CREATE TABLE other (x)', 'PRAGMA user_version = 99'])
def test_file_of_another_program_is_left_alone(tmp_path, statement):
    path = tmp_path / 'other.sqlite3'
    Store(path).close() if 'version' in statement else None
    db = sqlite3.connect(path)
    db.execute(statement)
    db.commit()
    before = db.execute('SELECT name FROM sqlite_master').fetchall()
    with pytest.raises(sqlite3.DatabaseError, match='another program or version'):
        create_app(path)
    assert db.execute('SELECT name FROM sqlite_master').fetchall() == before
    db.close()


def test_oldest_messages_go(memory, monkeypatch):
    monkeypatch.setattr(store, 'MAX_MESSAGES', 3)
    for key in range(5):
        memory.add_message('room:Lobby', 'ann', str(key), f'line {key}')
    messages, more = memory.history('room:Lobby', 10)
    assert [message['text'] for message in messages] == ['line 2', 'line 3', 'line 4']
    assert not more


def test_oldest_files_go(memory, monkeypatch):
    monkeypatch.setattr(store, 'MAX_FILES', 25)
    ids = [memory.add_message('room:Lobby', 'ann', str(key), '', ('a', 'b/c', b'x' * 10))[0]
           ['file']['id'] for key in range(4)]
    assert [memory.file(id)['data'] for id in ids] == [None, None, b'x' * 10, b'x' * 10]
    messages, _ = memory.history('room:Lobby', 10)
    assert [message['file']['size'] for message in messages] == [10] * 4  # their names stay


def test_partners_are_those_one_has_written_with(memory):
    for user in ('bob', 'cy', 'an'):
        memory.name_user(user, user.title())
    memory.add_message('direct:ann:bob', 'ann', '1', 'x')
    memory.add_message('direct:ann:cy', 'cy', '2', 'x')
    memory.add_message('direct:an:bob', 'bob', '3', 'x')
    assert memory.partners('ann') == {'cy': 1, 'bob': 0}
    assert memory.partners('bob') == {'an': 0, 'ann': 1}
