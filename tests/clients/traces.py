"""Reads the bodies of POST /v1/traces, one a line, with OpenTelemetry's own messages, and prints each span."""

import base64
import json
import sys

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def ids(value):
    """OTLP writes ids in hexadecimal, where Protobuf's JSON has base64. Anything else is read as it is: an unknown field is an error."""
    if isinstance(value, list):
        return [ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    names = ("traceId", "spanId", "parentSpanId")
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode() if name in names else ids(item)
        for name, item in value.items()
    }


for line in sys.stdin:
    request = Parse(json.dumps(ids(json.loads(line))), ExportTraceServiceRequest())
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8 and len(span.parent_span_id) in (0, 8)
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                assert all(attribute.value.WhichOneof("value") for attribute in span.attributes)
                kind = Span.SpanKind.Name(span.kind)
                status = Status.StatusCode.Name(span.status.code)
                print(span.trace_id.hex(), kind, status, span.name)
