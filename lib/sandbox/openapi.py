"""The sandbox's OpenAPI 3.1 document. It promises exactly what the server does; schemathesis holds it to that."""

from __future__ import annotations

from typing import Any

from lib.sandbox.studies import REPORT_STATUSES, SEVERITIES, STUDY_TYPES, VIEWER_STATUSES
from lib.sandbox.wire import MAX_KEY, MAX_PAGE, MAX_PAIRS, MAX_VALUE

Schema = dict[str, Any]

_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_CUSTOMER_ID: Schema = {"type": "string", "pattern": "^cus_[0-9a-fA-F]{32}$"}
_USER_ID: Schema = {"type": "string", "pattern": "^usr_[0-9a-fA-F]{32}$"}
_NAME: Schema = {"type": "string", "minLength": 1}
_METADATA: Schema = {
    "type": "object",
    "maxProperties": MAX_PAIRS,
    "propertyNames": {"maxLength": MAX_KEY},
    "additionalProperties": {"type": "string", "maxLength": MAX_VALUE},
}


def document() -> Schema:
    """The whole document, as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Avara Express (sandbox)", "version": "1"},
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "parameters": {
                "id": {"name": "expressCustomerId", "in": "path", "required": True, "schema": _CUSTOMER_ID},
                "limit": _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}),
                "cursor": _query("cursor", {"type": "string", "contentEncoding": "base64"}),
            },
            "responses": {"Error": _response("Refused. The message says why.", _ref("schemas", "Error"))},
            "schemas": _schemas(),
        },
    }


def _paths() -> Schema:
    paging = [_ref("parameters", "limit"), _ref("parameters", "cursor")]
    by_id = {"parameters": [_ref("parameters", "id")]}
    customer, change = _ref("schemas", "Customer"), _ref("schemas", "UserChange")
    user = {"type": "object", "required": ["userId"], "properties": {"userId": _USER_ID}}
    create = {
        "type": "object",
        "required": ["expressCustomerName"],
        "properties": {"expressCustomerName": _NAME, "metadata": _METADATA},
    }
    update = {
        "type": "object",
        "properties": {"expressCustomerName": _NAME, "metadata": {**_METADATA, "type": ["object", "null"]}},
    }
    return {
        "/v1/express": {
            "get": _operation("list", _ref("schemas", "CustomerPage"), (400,), parameters=paging),
            "post": _operation("create", customer, (400, 413), body=create),
        },
        "/v1/express/{expressCustomerId}": {
            **by_id,
            "get": _operation("get", customer, (400, 404)),
            "patch": _operation("update", customer, (400, 404, 413), body=update),
        },
        "/v1/express/{expressCustomerId}/deactivate": {**by_id, "post": _operation("deactivate", customer, (400, 404))},
        "/v1/express/{expressCustomerId}/reactivate": {**by_id, "post": _operation("reactivate", customer, (400, 404))},
        "/v1/express/{expressCustomerId}/users": {
            **by_id,
            "post": _operation("add-user", change, (400, 404, 409, 413), body=user),
            "delete": _operation("remove-user", change, (400, 404, 413), body=user),
        },
        "/v1/viewer/studies": _studies("viewer", _query("studyViewerStatus", {"enum": list(VIEWER_STATUSES)})),
        "/v1/autoScribe/studies": _studies(
            "autoscribe",
            {
                **_query("studyReportStatus", {"type": "array", "minItems": 1, "items": {"enum": list(REPORT_STATUSES)}}),
                "style": "form",
                "explode": False,
            },
            _query("studyType", {"enum": list(STUDY_TYPES)}),
        ),
    }


def _studies(kind: str, *own: Schema) -> Schema:
    """An empty value of a filter that may be null is how a client sends null."""
    empty: Schema = {"const": ""}
    filters = [
        _query("expressCustomerId", {"anyOf": [_CUSTOMER_ID, empty]}),
        _query("assignedTo", {"anyOf": [_USER_ID, empty]}),
        _query("isCancelled", {"enum": ["true", "false", ""]}),
        _query("severity", {"enum": list(SEVERITIES)}),
        _query("studyDescription", {"type": "string"}),
        *own,
        _ref("parameters", "limit"),
        _ref("parameters", "cursor"),
    ]
    return {"get": _operation(f"{kind}-studies", _ref("schemas", f"{kind}StudyPage"), (400,), parameters=filters)}


def _operation(
    name: str, answer: Schema, refusals: tuple[int, ...], *, parameters: list[Schema] | None = None, body: Schema | None = None
) -> Schema:
    operation: Schema = {
        "operationId": name,
        "responses": {
            "200": _response("Done.", answer),
            **{str(code): _ref("responses", "Error") for code in (401, *refusals, 429)},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _schemas() -> Schema:
    customer = {
        "createdAt": _TIME,
        "expressCustomerId": _CUSTOMER_ID,
        "expressCustomerName": _NAME,
        "isActive": {"type": "boolean"},
        "updatedAt": _TIME,
        "userCount": {"type": "integer", "minimum": 0},
    }
    optional = {
        "createdByApiKeyId": {"type": "string", "format": "uuid"},
        "createdByUserId": {**_USER_ID, "type": ["string", "null"]},
        "metadata": _METADATA,
    }
    return {
        "Customer": {"type": "object", "required": list(customer), "properties": {**customer, **optional}},
        "CustomerPage": _page("expressCustomers", _ref("schemas", "Customer")),
        "UserChange": {
            "type": "object",
            "required": ["success"],
            "properties": {"success": {"type": "boolean"}, "message": {"type": "string"}},
        },
        "viewerStudyPage": _page("studies", _study({"studyViewerStatus": {"enum": list(VIEWER_STATUSES)}})),
        "autoscribeStudyPage": _page(
            "studies", _study({"studyReportStatus": {"enum": list(REPORT_STATUSES)}, "reportMetadata": {"type": "object"}})
        ),
        "Error": {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}},
    }


def _study(own: Schema) -> Schema:
    reference = {"expressCustomerId": _CUSTOMER_ID, "expressCustomerName": _NAME}
    fields: Schema = {
        "studyId": {"type": "string", "pattern": "^stu_[0-9a-f]{32}$"},
        "studyInstanceUid": {"type": "string", "pattern": "^[0-9.]{1,64}$"},
        "studyDescription": {"type": "string"},
        "severity": {"enum": list(SEVERITIES)},
        "isCancelled": {"type": "boolean"},
        "cancelledAt": _TIME,
        "createdAt": {"type": "string", "format": "date-time"},
        "updatedAt": {"type": "string", "format": "date-time"},
        "assignedTo": {"type": ["object", "null"], "required": ["userId"], "properties": {"userId": _USER_ID}},
        "expressCustomer": {"type": "object", "required": list(reference), "properties": reference},
        **own,
    }
    return {"type": "object", "required": list(fields), "properties": fields}


def _page(name: str, items: Schema) -> Schema:
    return {
        "type": "object",
        "required": [name, "hasMore"],
        "properties": {
            name: {"type": "array", "maxItems": MAX_PAGE, "items": items},
            "hasMore": {"type": "boolean"},
            "cursor": {"type": "string"},
        },
    }


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


def _response(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}
