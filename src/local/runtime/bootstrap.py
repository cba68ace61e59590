"""Runs a Python handler: a client of Lambda's Runtime API (AWS.md 5.1), that behaves like AWS's own."""

import decimal
import importlib.machinery
import json
import logging
import math
import os
import re
import socket
import sys
import time
import traceback

VERSION = tuple(map(int, os.environ["AWS_EXECUTION_ENV"].rpartition("python")[2].split(".")))
# HOST:PORT, and a slash with what every path begins with.
ADDRESS, SLASH, BASE = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
CALLS = f"{SLASH}{BASE}/2018-06-01/runtime/"


class RuntimeFault(Exception):
    """A handler that the runtime cannot use; the type is Lambda's name for the fault."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.trace = list(trace)


class RuntimeApi:
    """HTTP over a plain socket: an answer and the request for the next event go out together."""

    def __init__(self):
        host, port = ADDRESS.split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    @staticmethod
    def request(method, call, body=b""):
        head = f"{method} {CALLS}{call} HTTP/1.1\r\nHost: {ADDRESS}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def ask(self, first=b""):
        self.socket.sendall(first + self.request("GET", "invocation/next"))

    def post(self, call, body):
        self.socket.sendall(self.request("POST", call, body))

    def next_event(self):
        headers, body = self.read()
        while "lambda-runtime-aws-request-id" not in headers:
            headers, body = self.read()
        return headers, body

    def read(self):
        if not self.answers.readline():
            os._exit(1)  # our parent is gone
        headers = {}
        for line in iter(self.answers.readline, b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return headers, self.answers.read(int(headers.get("content-length", 0)))


class CognitoIdentity:
    """Who called through Cognito; nothing here does."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """What a handler gets as its second argument."""

    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = CognitoIdentity()
        self.client_context = None
        self.tenant_id = None
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))


class BroughtPackages:
    """What Lambda's runtimes bring, out of this machine's packages; no other of them is there on AWS."""

    NAMES = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"}

    def __init__(self, folders):
        self.folders = folders

    def find_spec(self, name, path=None, target=None):
        if path is not None or name not in self.NAMES:
            return None
        return importlib.machinery.PathFinder.find_spec(name, self.folders)


def leave_out_packages():
    """Hides the packages of this machine, so that one that is missing in the zip is missing here too."""
    installed = [folder for folder in sys.path if re.search(r"[\\/](site|dist)-packages([\\/]|$)", folder)]
    sys.path[:] = [folder for folder in sys.path if folder not in installed]
    sys.meta_path.append(BroughtPackages(installed))


def resolve_own_names():
    """An event names the local AWS as `….localhost`, which not every system resolves."""
    getaddrinfo = socket.getaddrinfo

    def lookup(host, *rest, **named):
        is_own = isinstance(host, str) and host.rstrip(".").lower().endswith(".localhost")
        return getaddrinfo("127.0.0.1" if is_own else host, *rest, **named)

    socket.getaddrinfo = lookup


def load_handler(name):
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise RuntimeFault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise RuntimeFault(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", message)
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFault("Runtime.UserCodeSyntaxError", message, trace)
    if not hasattr(module, function):
        message = f"Handler '{function}' missing on module '{module_name}'"
        raise RuntimeFault("Runtime.HandlerNotFound", message)
    return getattr(module, function)


def error_body(error, request_id):
    """Lambda's JSON for an error, without the frames of this file."""
    if isinstance(error, RuntimeFault):
        error_type, trace = error.error_type, error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [
            index
            for index, frame in enumerate(frames)
            if frame.filename != __file__ and "importlib" not in frame.filename
        ]
        error_type, trace = type(error).__name__, traceback.format_list(frames[own[0]:] if own else [])
    # Python 3.8 does not tell the request.
    request = {} if VERSION < (3, 9) else {"requestId": request_id}
    return {"errorMessage": str(error), "errorType": error_type, **request, "stackTrace": trace}


def log_error(failure):
    if IS_JSON:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(json.dumps({"timestamp": moment, "log_level": "ERROR", **failure}))
        return
    lines = [
        f"[ERROR] {failure['errorType']}: {failure['errorMessage']}",
        "Traceback (most recent call last):",
    ]
    lines += [line for frame in failure["stackTrace"] for line in frame.splitlines()]
    # As on AWS: carriage returns keep the lines in one log event, and spaces at their start do not break.
    print("\r".join(map(unbroken, "\n".join(lines).split("\n"))))


def unbroken(line):
    text = line.lstrip(" ")
    return "\u00a0" * (len(line) - len(text)) + text


IS_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
LEVELS = {
    "TRACE": logging.NOTSET,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}


class RequestIdOfRecord(logging.Filter):
    request_id = ""

    def filter(self, record):
        record.aws_request_id = RequestIdOfRecord.request_id
        return True


class OneEventPerRecord(logging.Formatter):
    converter = time.gmtime

    def format(self, record):
        return super().format(record).replace("\n", "\r")


class ObjectPerRecord(logging.Formatter):
    converter = time.gmtime

    def format(self, record):
        line = {
            "timestamp": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": record.aws_request_id,
        }
        if record.exc_info:
            kind, error, trace = record.exc_info
            line["errorType"], line["errorMessage"] = kind.__name__, str(error)
            line["stackTrace"] = traceback.format_tb(trace)
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        return json.dumps(line, ensure_ascii=False)


def set_up_output():
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    output = logging.StreamHandler(sys.stdout)
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    output.setFormatter(ObjectPerRecord() if IS_JSON else OneEventPerRecord(line, "%Y-%m-%dT%H:%M:%S"))
    if IS_JSON:
        logging.getLogger().setLevel(LEVELS.get(os.environ["AWS_LAMBDA_LOG_LEVEL"], logging.INFO))
    output.addFilter(RequestIdOfRecord())
    logging.getLogger().addHandler(output)


class Encoder(json.JSONEncoder):
    """JSON as AWS's runtime writes it: a Decimal is a number, bytes within an answer are a text."""

    def __init__(self):
        super().__init__(ensure_ascii=VERSION < (3, 12))
        # Marks a number in a text that is not to be quoted; cannot be guessed.
        self.mark = os.urandom(12).hex()
        self.marked = re.compile(f'"{self.mark}:([^"]+)"')

    def default(self, value):
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, decimal.Decimal):
            return math.nan if value.is_nan() else f"{self.mark}:{value}"
        return super().default(value)

    def encode(self, value):
        return self.marked.sub(r"\1", super().encode(value))


ENCODER = Encoder()


def marshalled(result):
    if isinstance(result, bytes):
        return result
    try:
        return ENCODER.encode(result).encode("utf-8", "backslashreplace")
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}")


def run(handler, headers, body):
    """Runs one event; returns the request that reports its outcome."""
    context = LambdaContext(headers)
    request_id = context.aws_request_id
    RequestIdOfRecord.request_id = request_id
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
    try:
        result = handler(json.loads(body), context)
        call, answer = "response", marshalled(result)
    except Exception as error:
        failure = error_body(error, request_id)
        log_error(failure)
        call, answer = "error", json.dumps(failure).encode()
    sys.stdout.flush()
    sys.stderr.flush()
    return RuntimeApi.request("POST", f"invocation/{request_id}/{call}", answer)


def main():
    set_up_output()
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    leave_out_packages()
    resolve_own_names()
    api = RuntimeApi()
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:
        failure = error_body(error, "")
        log_error(failure)
        sys.stdout.flush()
        api.post("init/error", json.dumps(failure).encode())
        sys.exit(1)
    api.ask()
    while True:
        headers, body = api.next_event()
        api.ask(run(handler, headers, body))


main()
