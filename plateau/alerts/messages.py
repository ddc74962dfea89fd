"""Alerts as messages: to a webhook, and by e-mail."""

import json
import os
import shlex
import subprocess
import urllib.error
import urllib.request
from email.message import EmailMessage
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from plateau._arguments import positive
from plateau.alerts.sending import NotSentError
from plateau.within import Within

VARIABLE = "PLATEAU_WEBHOOK"

MASKED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""A name in a log must not call everybody with <!channel>."""


class Webhook:
    """Send alerts to a webhook of Slack, or one that takes the same JSON.

    Who knows its URL can write there, so the URL is secret. It stands in the environment or in a
    file, is read anew for each alert, and is never kept or shown.

    Parameters
    ----------
    variable : str, default "PLATEAU_WEBHOOK"
        The variable of the environment that holds the URL.
    file : path, optional
        A file that holds it instead, in its first line.
    timeout : float, default 5.0
        Seconds to wait for an answer, in all.

    Raises
    ------
    ValueError
        If no URL of http is there.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import os
    >>> from plateau.alerts import Webhook
    >>> os.environ["PLATEAU_WEBHOOK"] = "https://hooks.example.org/a-secret"
    >>> Webhook()
    Webhook('PLATEAU_WEBHOOK')
    >>> del os.environ["PLATEAU_WEBHOOK"]
    """

    def __init__(
        self,
        variable: str = VARIABLE,
        *,
        file: str | os.PathLike[str] | None = None,
        timeout: float = 5.0,
    ) -> None:
        self._variable = variable
        self._file = None if file is None else Path(file)
        self._within = Within(timeout)
        self._url()

    def __repr__(self) -> str:
        place = f"file={str(self._file)!r}" if self._file else repr(self._variable)
        return f"Webhook({place})"

    def send(self, title: str, text: str) -> None:
        """Send an alert as the JSON ``{"text": ...}``."""
        message = {"text": f"*{title.translate(MASKED)}* {text.translate(MASKED)}"}
        try:
            request = urllib.request.Request(
                self._url(), json.dumps(message).encode(), {"Content-Type": "application/json"}
            )
            self._within(partial(_post, request, self._within.seconds))
        # None of these errors is shown, nor chained: they may hold the URL.
        except urllib.error.HTTPError as error:
            again = error.code == 429 or error.code >= 500
            raise NotSentError(f"it answers with {error.code}", again=again) from None
        except TimeoutError:
            raise NotSentError("it does not answer in time", again=True) from None
        except (OSError, HTTPException):
            raise NotSentError("it cannot be reached", again=True) from None
        except ValueError:
            raise NotSentError(f"there is no URL in {self._place}") from None

    @property
    def _place(self) -> str:
        return f"the variable {self._variable}" if self._file is None else str(self._file)

    def _url(self) -> str:
        if self._file is None:
            url = os.environ.get(self._variable, "")
        else:
            url = next(iter(self._file.read_text(encoding="utf-8").splitlines()), "")
        url = url.strip()
        if not url.lower().startswith(("https://", "http://")):
            raise ValueError(f"there is no URL of a webhook in {self._place}")
        return url


def _post(request: urllib.request.Request, timeout: float) -> None:
    try:
        _OPENER.open(request, timeout=timeout).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: urllib would ask there without the message, and all would seem well."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Straight)


class Mail:
    """Send alerts as e-mail, by a command that is given the message.

    Parameters
    ----------
    to : str
        The address.
    command : str or sequence of str, default "sendmail -t -i"
        What is run, without a shell. It reads the message, headers and all, from its standard
        input.
    timeout : float, default 30.0
        Seconds that it may take.

    Examples
    --------
    >>> from plateau.alerts import Mail
    >>> Mail("me@example.org", command="msmtp -t")
    Mail('me@example.org', command='msmtp -t')
    """

    def __init__(
        self,
        to: str,
        *,
        command: str | list[str] | tuple[str, ...] = "sendmail -t -i",
        timeout: float = 30.0,
    ) -> None:
        if "@" not in to or not to.isprintable():
            raise ValueError(f"to must be an address such as me@example.org, not {to!r}")
        self.to = to
        self.command = shlex.split(command) if isinstance(command, str) else list(command)
        if not self.command:
            raise ValueError("command must name a program")
        self._timeout = positive("timeout", timeout)

    def __repr__(self) -> str:
        return f"Mail({self.to!r}, command={shlex.join(self.command)!r})"

    def send(self, title: str, text: str) -> None:
        """Send an alert, its title as the subject."""
        message = EmailMessage()
        message["To"], message["Subject"] = self.to, title
        message.set_content(text)
        program = self.command[0]
        try:
            done = subprocess.run(
                self.command,
                input=message.as_bytes(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._timeout,
                check=False,
            )
        except OSError as error:
            raise NotSentError(f"{program} cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise NotSentError(f"{program} takes too long", again=True) from None
        if done.returncode:
            raise NotSentError(f"{program} ended with code {done.returncode}", again=True)
