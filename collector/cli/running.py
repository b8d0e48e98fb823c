"""Asking the collector that serves a data directory: its stores belong to one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
from pydantic import BaseModel, ValidationError

from collector.cli.output import explain, wrong_use
from collector.settings import LOCAL_FILE

ASK_S = 60.0


class LocalFile(BaseModel):
    """What a running collector writes for commands on its host."""

    address: str
    key: str
    pid: int


def find_running(data: Path) -> LocalFile | None:
    """Return how to reach the collector that serves `data`, or None if there is none."""
    try:
        return LocalFile.model_validate_json((data / LOCAL_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        explain(f"{data / LOCAL_FILE} 已损坏，忽略 damaged, ignored")
        return None


def ask(running: LocalFile, path: str) -> Any:
    """Return the JSON at `path` of a running collector, or None if it is not running after all.

    Exits with code 2 and the collector's explanation if it refuses.
    """
    return _exchange(running, "GET", path, None)


def send_file(running: LocalFile, path: str, file: Path) -> Any:
    """Post a file to a running collector; answers and exits as `ask` does."""
    with file.open("rb") as content:
        return _exchange(running, "POST", path, content)


def _exchange(running: LocalFile, method: str, path: str, content: BinaryIO | None) -> Any:
    headers = {"Authorization": f"Bearer {running.key}", "Accept": "application/json"}
    try:
        # No proxy of the environment: the collector is on this very host.
        with httpx2.Client(trust_env=False, timeout=ASK_S) as client:
            answer = client.request(
                method, running.address + path, headers=headers, content=content
            )
    except httpx2.ConnectError:
        return None
    except httpx2.HTTPError as error:
        raise wrong_use(f"采集服务没有回答 the collector did not answer: {error}") from error
    if answer.is_success:
        return json.loads(answer.content)
    if answer.headers.get("content-type") != "application/problem+json":
        raise wrong_use(f"{running.address} 不是采集服务 is no collector ({answer.status_code})")
    problem = answer.json()
    lines = [f"错误 error [{problem['code']}]: {problem['detail']}"]
    lines += [f"  {row['field']}: {row['reason']}" for row in problem.get("errors", [])]
    raise wrong_use("\n".join(lines))
