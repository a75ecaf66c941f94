"""LocalStack's S3, and nothing else of it, on a port of loopback: `python localstack_s3.py`. Prints the port."""

from localstack.aws import handlers
from localstack.aws.api import RequestContext
from localstack.aws.gateway import Gateway
from localstack.aws.handlers.service import ServiceRequestRouter
from localstack.services.s3.provider import S3Provider
from rolo.gateway.wsgi import WsgiGateway
from werkzeug.serving import make_server

provider = S3Provider()
router = ServiceRequestRouter()
router.add_provider(provider, "s3")
gateway = Gateway(
    request_handlers=[
        handlers.parse_service_name,
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
