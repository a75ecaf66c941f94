"""One service of LocalStack on a port of loopback, which is printed: `python localstack_service.py s3`.

An interpreter that only loads what it serves starts in a fraction of the time, and takes a fraction of the memory.
LocalStack finds out by itself which service a request is for, and reads the descriptions of all four hundred to do so.
"""

import sys

from localstack.aws import handlers
from localstack.aws.api import RequestContext
from localstack.aws.chain import HandlerChain
from localstack.aws.gateway import Gateway
from localstack.aws.handlers.service import ServiceRequestRouter
from localstack.aws.spec import load_service
from localstack.http import Response
from rolo.gateway.wsgi import WsgiGateway
from werkzeug.serving import make_server


def provider(service: str) -> object:
    """What answers for the service. Raises SystemExit for one that no test needs."""
    if service == "s3":
        from localstack.services.s3.provider import S3Provider

        return S3Provider()
    if service == "kms":
        from localstack.services.kms.provider import KmsProvider

        return KmsProvider()
    raise SystemExit(f"localstack_service.py serves s3 or kms, not {service}")


[service] = sys.argv[1:]
described = load_service(service)


def name_service(_chain: HandlerChain, context: RequestContext, _response: Response) -> None:
    context.service = described


router = ServiceRequestRouter()
router.add_provider(provider(service), service)
gateway = Gateway(
    request_handlers=[
        name_service,
        handlers.add_region_from_header,
        handlers.add_account_id,
        handlers.parse_service_request,
        router,
    ],
    exception_handlers=[handlers.handle_service_exception, handlers.handle_internal_failure],
    context_class=RequestContext,
)
server = make_server("127.0.0.1", 0, WsgiGateway(gateway), threaded=True)
print(server.port, flush=True)  # noqa: T201 - whoever started this reads it
server.serve_forever()
