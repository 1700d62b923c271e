"""What can go wrong between a client and the API.

ClientError                    anything below
├── AnswerError                the API refused or failed, and said why
├── UnexpectedAnswerError      an answer that is not the API's
└── NoAnswerError              no answer: nobody listens, the connection broke, or time ran out
"""


class ClientError(Exception):
    """Base of every error that the client raises on purpose."""


class AnswerError(ClientError):
    """The API refused or failed, and said why.

    Attributes:
        status: HTTP status.
        code: One word that programs tell it by, such as ``invalid_filter``; see docs/api.md.
        message: What is wrong and what helps.
        request_id: What the server's log calls the request; empty where the answer has none.
        retry_after_s: Seconds after which the server wants to be asked again; None without any.
    """

    def __init__(
        self, status: int, code: str, message: str, request_id: str, retry_after_s: float | None
    ) -> None:
        """Take what the answer says."""
        named = f" (request {request_id})" if request_id else ""
        super().__init__(f"{status} {code}: {message}{named}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class UnexpectedAnswerError(ClientError):
    """Something answered that is not the API, or an API of another major version."""


class NoAnswerError(ClientError):
    """No answer came: nobody listens, the connection broke, or time ran out."""
