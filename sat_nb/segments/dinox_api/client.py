"""The client of the DINO-X detection API, version 2: requests, their rate, retries, errors.

``POST /v2/task/dinox/detection`` takes a photo and prompts and answers ``{"code": 0, "msg": "ok",
"data": {"task_uuid"}}``; ``GET /v2/task_status/{uuid}`` answers ``"data": {"status", "error",
"result"}``, until the status is "success" or "failed". An error has a code that is not 0, or an
HTTP status of 400 and above. "Token exceeds Rate Limit" is temporary, "Token out of Quota" is not.

The token goes into one header of each request and nowhere else. Errors of httpx hold the request,
headers included; therefore they do not leave this module, and new ones are raised without it. What
the server answers is used without the token, which it may send back.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.segments.dinox_api.token import Token
from sat_nb.segments.dinox_api.unpack import ACCEPTED, Answer, CannotUnpack, TooLarge
from sat_nb.segments.formats.json_text import parse_json
from sat_nb.segments.formats.limits import brief

if TYPE_CHECKING:
    import httpx
    import tenacity


TOKEN_VARIABLE = "DINOX_API_TOKEN"
BASE_URL = "https://api.deepdataspace.com"
DETECT, STATUS = "/v2/task/dinox/detection", "/v2/task_status/"
PER_SECOND = 10  # requests that the API allows for a token
N_ATTEMPTS = 8  # of one request
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between attempts, doubled each time
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that asks for a longer wait ends the run
POLL_WAITS = (0.5, 4.0)  # seconds between requests for a task's status: at first, and at most
TASK_SECONDS = 600.0  # after that, a task is given up
TIMEOUT = 60.0  # seconds without any data

_UUID = re.compile(r"[0-9A-Za-z_-]{1,100}")
_WRONG = (
    "invalid|illegal|incorrect|wrong|expired|unauthori[sz]ed|not exist|not found|missing|denied"
)
_TOKEN_REFUSED = re.compile(rf"\btoken\b.*({_WRONG})|({_WRONG}).*\btoken\b", re.IGNORECASE)


class PhotoFailed(Exception):
    """The API returns no masks for this photo; other photos may succeed."""


class Stop(Exception):
    """No request can succeed: the quota is spent, or the token is refused."""


class TryAgain(Exception):
    """The request may succeed later: in ``after`` seconds, if the server names a time."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class TooSlow(TryAgain):
    """The answer does not end in time; the next would not, either."""


class RateLimit:
    """Allows ``per_second`` requests in any second, over all tasks of one event loop."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._gap = 1.05 / per_second  # a little slower than allowed: arrivals are uneven
        self._next = 0.0
        self._lock = asyncio.Lock()  # asyncio.Lock is fair: first come, first served

    async def wait(self) -> None:
        """Wait until the next request may go."""
        async with self._lock:
            while (wait := self._next - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._next = time.monotonic() + self._gap

    def hold(self, seconds: float) -> None:
        """Let no request go for that long."""
        self._next = max(self._next, time.monotonic() + seconds)


class DinoxApi:
    """The API at one address: ``async with DinoxApi(base_url, token) as api``.

    >>> DinoxApi("https://api.deepdataspace.com", Token("secret"))
    DinoxApi('https://api.deepdataspace.com')
    """

    def __init__(self, base_url: str, token: Token) -> None:
        self._base_url = checked_base_url(base_url)
        self._rate_limit = RateLimit()
        self._client, self._token = _client(self._base_url, token), token
        self._logs = ExitStack()

    def __repr__(self) -> str:
        return f"DinoxApi({self._base_url!r})"

    async def __aenter__(self) -> DinoxApi:
        self._logs.enter_context(self._token.hidden_in_logs())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        self._logs.close()

    async def detect(self, body: Mapping[str, Any]) -> Any:
        """The result of one detection, whose status is polled; ``body`` is the request's JSON.

        Raises PhotoFailed, Stop, or TryAgain when all attempts have failed.
        """
        data = await self._request("POST", DETECT, body)
        uuid = data.get("task_uuid")
        if not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
            raise PhotoFailed(f"expected a task_uuid, got {self._quoted(uuid)}.")
        pause, give_up = POLL_WAITS[0], time.monotonic() + TASK_SECONDS
        while time.monotonic() < give_up:
            await asyncio.sleep(pause)
            task = await self._request("GET", STATUS + uuid)
            if task.get("status") == "success":
                return task.get("result")
            if task.get("status") not in ("waiting", "running"):
                why = self._quoted(task.get("error") or task.get("status"))
                raise PhotoFailed(f"the task failed ({why}).")
            pause = min(1.5 * pause, POLL_WAITS[1])
        raise PhotoFailed(f"the task was not done after {TASK_SECONDS:g} seconds.")

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """``data`` of the answer, with as many attempts as needed."""
        async for attempt in _attempts():
            with attempt:
                await self._rate_limit.wait()
                status, headers, raw = await self._send(method, path, body)
                try:
                    return self._data(status, headers, raw)
                except TryAgain as error:
                    if error.after is not None:
                        self._rate_limit.hold(error.after)
                    raise
        raise AssertionError("unreachable: the last attempt's error is raised")

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        import httpx

        failed: Exception
        try:
            async with (
                asyncio.timeout(LIMITS["answer_seconds"]),
                self._client.stream(method, path, json=body) as response,
            ):
                answer = Answer(
                    response.headers.get("content-encoding", ""), LIMITS["answer_bytes"]
                )
                async for chunk in response.aiter_raw():
                    answer.add(chunk)
                return response.status_code, response.headers, bytes(answer.content)
        except TimeoutError:
            failed = TooSlow(
                f"the answer of {self._base_url} is not complete after "
                f"{LIMITS['answer_seconds']} seconds; "
                f"{beyond('answer_seconds', 2 * LIMITS['answer_seconds'])}"
            )
        except CannotUnpack as error:
            more = beyond("answer_bytes", 2 * LIMITS["answer_bytes"])
            remedy = more if isinstance(error, TooLarge) else "run again to ask once more"
            failed = PhotoFailed(f"{self._quoted(error)}; {remedy}.")
        except httpx.TransportError as error:
            why = self._quoted(f"{type(error).__name__}: {error}")
            failed = TryAgain(f"no answer from {self._base_url} ({why})")
        raise failed  # outside the except, so that it has no cause

    def _data(self, status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        if 300 <= status < 400:
            raise Stop(
                f"{self._base_url} answers with a redirection, which is not followed with a token; "
                "give the API's own address as base_url."
            )
        try:
            answer = self._token.hidden_in_answer(parse_json(raw))
        except InvalidInput:
            answer = None
        known = answer if isinstance(answer, dict) else {}
        message = self._quoted(known.get("msg") or f"HTTP status {status}")
        if status < 400 and known.get("code") == 0 and isinstance(known.get("data"), dict):
            return known["data"]
        raise _refusal(status, message, known, _retry_after(headers))

    def _quoted(self, answer: object) -> str:
        """The beginning of what the server says, on one line and without the token."""
        text = self._token.hidden_in(str(answer))
        return "".join(c if c.isprintable() else " " for c in text[:200])


def checked_base_url(base_url: str) -> str:
    """The address, which is https, or http on this machine; InvalidInput for any other.

    >>> checked_base_url("http://127.0.0.1:8000/")
    'http://127.0.0.1:8000'
    """
    import httpx

    url = None
    if isinstance(base_url, str):
        with suppress(httpx.InvalidURL):
            url = httpx.URL(base_url)
    plain = url is not None and not (url.userinfo or url.query or url.fragment) and bool(url.host)
    if url is None or not plain or not (url.scheme == "https" or _is_local(url)):
        raise InvalidInput(
            f"base_url: expected https://..., or http:// on this machine (127.0.0.1, localhost), "
            f"got {brief(base_url)}; the token is not sent unencrypted."
        )
    return str(url).rstrip("/")


def _is_local(url: httpx.URL) -> bool:
    try:
        loopback = url.host == "localhost" or ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        loopback = False
    return url.scheme == "http" and loopback


def _client(base_url: str, token: Token) -> httpx.AsyncClient:
    """The HTTP client, which sends the token."""
    import httpx

    remote = base_url.startswith("https:")
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"Token": token.text, "Accept-Encoding": ACCEPTED},
        timeout=TIMEOUT,
        follow_redirects=False,
        verify=remote,  # plain http has no certificate, and loading the others takes long
        trust_env=remote,  # a proxy could read plain http
    )


def _attempts() -> tenacity.AsyncRetrying:
    import tenacity

    exponential = tenacity.wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after = error.after if isinstance(error, TryAgain) else None
        return exponential(state) if after is None else after

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: type(error) is TryAgain),
        stop=tenacity.stop_after_attempt(N_ATTEMPTS),
        wait=wait,
        sleep=asyncio.sleep,
        reraise=True,
    )


def _refusal(
    status: int, message: str, answer: Mapping[str, Any], after: float | None
) -> Exception:
    """The exception for an answer that is not a success."""
    words = message.lower()
    if "out of quota" in words:
        return Stop(f"the token's quota is spent ({message}); run again when there is more.")
    again = status in (408, 425, 429) or status >= 500 or "rate limit" in words
    if again and after is not None and after > LONGEST_RETRY_AFTER:
        return Stop(f"the server asks to come back in {after:.0f} seconds ({message}).")
    if again:
        return TryAgain(f"the server is too busy, or in trouble ({message})", after)
    if status in (401, 403) or _TOKEN_REFUSED.search(message):
        return Stop(
            f"the token is refused ({message}); check the environment variable {TOKEN_VARIABLE}."
        )
    if status >= 400 or answer.get("code", 0) != 0:
        return PhotoFailed(f"the API refuses the request ({message}).")
    return TryAgain("the answer is not the JSON that is documented")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the header Retry-After asks for, as a number or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
