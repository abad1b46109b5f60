"""Every error that Express Ops raises on purpose.

ExpressOpsError
├── ConfigError                  the settings can't work
├── NotStarted                   what every page needs could not be opened
├── BadId                        text that is no customer id
├── ApiError                     a request to the API did not end well
│   ├── Unreachable              it was never sent
│   ├── Withdrawn                nobody wanted it any more before it was sent
│   ├── NoAnswer                 it was sent; nothing usable came back
│   ├── Rejected                 the API said no (4xx); nothing changed
│   │   ├── NotAuthorized        401, 403
│   │   ├── NotFound             404
│   │   ├── Conflict             409
│   │   └── RateLimited          429
│   ├── ServiceBroken            the API failed (5xx)
│   └── BadAnswer                a 2xx whose body is not what the API promises
│       └── CursorRepeated       a list that would never end
├── LoadIncomplete               only a complete load can feed a plan
│   └── ListTooOld               a kept list is for looking at, once it is too old
├── Interrupted                  somebody stopped what they were waiting for
├── SnapshotUnusable             a kept list that is damaged, foreign or of another version
├── SnapshotNotKept              a list that could not be written to the data folder
├── UploadUnreadable             a file that can't be read as a list of customers
│   └── ListUnclear              a person has to say what is meant by it
├── ViewUnreadable               a view, in an address or as typed, that is not certain: nobody is shown rather than too many
├── ViewNameTaken                two saved views can't have one name
├── ExportTooLarge               more than a file format can hold
├── ExportRefused                a receipt in no form that there is, or for a terminal
├── PlanError                    a plan that can't be made or carried out
│   ├── EmptyPlan
│   ├── ReasonMissing
│   ├── CapExceeded              more than one run may affect
│   ├── NotCounted               of the active customers nobody knows how many there are
│   ├── ProtectedCustomer        one that is never touched
│   └── OtherConnection
│       └── OtherKey             of the same address: a person may know that it is of the same account
├── NotSameAccount               nothing shows, or something speaks against it, that two keys are of one account
└── JournalError                 the journal refused or could not be written
    ├── JournalUnavailable
    ├── AlreadyStarted
    ├── RunsOverlap
    ├── JournalDamaged           its tables are not what its log or the run's plan says
    ├── RunNotFound
    └── IllegalTransition

A class's docstring is the message that a user reads unless a better one is given: what happened, to whom, and what to do
wherever one works. What only one place can do is added there: `lib.ui.notices`, `lib.cli.console`. None holds a key.
"""

from __future__ import annotations

import inspect


class ExpressOpsError(Exception):
    """Something went wrong in Express Ops. Nothing was changed; try again."""

    def __init__(self, message: str | None = None) -> None:
        text = message or inspect.cleandoc(self.__doc__ or "")
        # Somebody's half character or command for a terminal would undo whatever shows it.
        super().__init__("".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text))

    @property
    def message(self) -> str:
        return str(self.args[0])


class ConfigError(ExpressOpsError):
    """The settings can't work. Correct what is named and start again."""


class NotStarted(ExpressOpsError):
    """Express Ops could not start, so nothing is read or changed. The server's log says why."""


class BadId(ExpressOpsError):
    """That is not a customer id. An id is cus_ followed by 32 hexadecimal characters."""


class ApiError(ExpressOpsError):
    """A request to the API did not end well. Try again in a moment."""

    #: For a request that changes something: could it have been applied all the same?
    may_have_applied = False

    def __init__(
        self,
        message: str | None = None,
        *,
        method: str = "",
        path: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        sent: int = 0,
    ) -> None:
        super().__init__(message)
        self.method, self.path, self.status, self.request_id = method, path, status, request_id
        #: Seconds that the API asked us to wait, if it did.
        self.retry_after = retry_after
        #: How many requests had left by then, with those that were repeated.
        self.sent = sent


class Unreachable(ApiError):
    """The API could not be reached, so nothing was sent. Check the network and the base URL, then try again."""


class Withdrawn(ApiError):
    """By the time this request could go out nobody wanted it any more, so nothing was sent."""

    def __init__(self, *, method: str = "", path: str = "", sent: int = 0) -> None:
        again = f"Nobody wanted this request to be repeated any more. What was sent before ({sent}) changed nothing."
        super().__init__(again if sent else None, method=method, path=path, sent=sent)


class NoAnswer(ApiError):
    """The request was sent but no usable answer came back. It may have been applied: read the customer again."""

    may_have_applied = True


class Rejected(ApiError):
    """The API refused the request. Nothing was changed."""


class NotAuthorized(Rejected):
    """The API refused the key. Check AVARA_API_KEY, or the key of this account in the settings."""


class NotFound(Rejected):
    """The API knows no such customer. It may have been removed."""


class Conflict(Rejected):
    """The API refused the request because of the customer's present state. Read the customer again."""


class RateLimited(Rejected):
    """The API asked us to slow down. Wait a moment and try again."""


class ServiceBroken(ApiError):
    """The API failed while answering. A change may have been applied: read the customer again."""

    may_have_applied = True


class BadAnswer(ApiError):
    """The API's answer can't be read. A change may have been applied: read the customer again."""

    may_have_applied = True


class CursorRepeated(BadAnswer):
    """The API sent the same page cursor twice, so the list would never end. Reading it stopped; try again."""


class LoadIncomplete(ExpressOpsError):
    """The list of customers is not complete. Finish loading before you plan anything from it."""


class ListTooOld(LoadIncomplete):
    """The kept list is too old to plan from. Wait until all customers have been read again."""


class ListOlderThanRun(LoadIncomplete):
    """The list on show is older than this run. Wait until all customers have been read again."""


class Interrupted(ExpressOpsError):
    """This was interrupted."""


class SnapshotUnusable(ExpressOpsError):
    """The kept list could not be used. All customers are read anew."""


class SnapshotNotKept(ExpressOpsError):
    """The list could not be kept for the next start. Check the data folder's disk and permissions."""


class UploadUnreadable(ExpressOpsError):
    """This file can't be read as a list of customers. Save it as CSV, or as text with one id or name a line."""


class ListUnclear(UploadUnreadable):
    """It is not certain what is meant by this list. Say it."""

    def __init__(self, message: str | None = None, *, needs: str = "", among: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        #: What has to be said, as the command line's option is called: "sheet", "column" or "where".
        self.needs = needs
        #: The sheets or columns that it can be.
        self.among = among


class ViewUnreadable(ExpressOpsError):
    """This address says what can't be read here, so nothing is shown: it could be something else than was meant."""


class ViewNameTaken(ExpressOpsError):
    """There is a saved view of this name. Choose another name, or replace that one."""


class ExportTooLarge(ExpressOpsError):
    """An Excel sheet can't hold that many rows or columns. Narrow the filter, or take CSV."""


class ExportRefused(ExpressOpsError):
    """This receipt can't be written there. Name another file."""


class PlanError(ExpressOpsError):
    """This plan can't be carried out."""


class EmptyPlan(PlanError):
    """There is no customer left to act on."""


class ReasonMissing(PlanError):
    """A reason is required: whoever reads the receipt later needs to know why."""


class CapExceeded(PlanError):
    """This plan affects more than one run may. Make smaller plans, or raise the cap in settings.toml."""

    def __init__(self, message: str | None = None, *, asked: int = 0, allowed: int = 0) -> None:
        super().__init__(message)
        self.asked, self.allowed = asked, allowed


class NotCounted(PlanError):
    """The active customers are not counted yet, so the cap on their share can't be checked. Try again once all are loaded."""


class ProtectedCustomer(PlanError):
    """This customer is protected by the settings and never touched. Take it out of the plan."""


class OtherConnection(PlanError):
    """This was made under another key or for another address, and never runs under this one."""

    @classmethod
    def of(cls, what: str, *, fingerprint: str, base_url: str, here: str) -> OtherConnection:
        """For `what` (a sentence's subject) that was made with that key at `base_url`, and asked for at `here`."""
        if base_url == here:
            return OtherKey(
                f"{what} was made under another key of this address (fingerprint {fingerprint[:8]}), of which nobody has said "
                "that it is of the same account."
            )
        where = f"another address, {base_url}," if base_url else "an address that nobody knows any more"
        return cls(f"{what} was made for {where} and never runs against {here}. Start Express Ops with its own.")


class OtherKey(OtherConnection):
    """This was made under another key of this address, of which nobody has said that it is of the same account."""


class NotSameAccount(ExpressOpsError):
    """Nothing shows that both keys are of one account, so they stay apart. Nothing was changed."""


class JournalError(ExpressOpsError):
    """The journal refused this. Nothing was changed."""

    def __init__(self, message: str | None = None, *, run_id: str | None = None) -> None:
        super().__init__(message)
        #: The run that stands in the way, where there is one.
        self.run_id = run_id


class JournalUnavailable(JournalError):
    """The journal can't be written, so no call is made. Check the data folder's disk and permissions."""


class AlreadyStarted(JournalError):
    """This plan was already started, and is not started twice."""


class RunsOverlap(JournalError):
    """Another run that has not ended holds some of these customers. Wait for it, or cancel it first."""


class JournalDamaged(JournalError):
    """The journal was altered or is damaged. Keep it as it is and tell whoever answers for it."""


class RunNotFound(JournalError):
    """The journal knows no such run."""


class IllegalTransition(JournalError):
    """A run or step can't go from its present state to the one asked for."""


class AlreadyOver(IllegalTransition):
    """It had already finished."""
