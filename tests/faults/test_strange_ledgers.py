"""Ledgers of a folder that somebody else made: what SQLite would run or obey is refused."""

import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support import fill, make_context

import equigen
from equigen.commands import download, report, split, status
from equigen.commands import repair as repair_command
from equigen.commands.dedupe import run as dedupe
from equigen.errors import EquigenError, ForeignLedgerError, LedgerError
from equigen.ledger import database
from equigen.ledger.backup import back_up, copies_of
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import is_cover_path
