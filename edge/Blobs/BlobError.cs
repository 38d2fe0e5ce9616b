using System.Text;
using System.Xml;

namespace Skylight.Edge.Blobs;

/// <summary>An answer of the Blob service to a request that it does not carry out: status, error code and the text that goes with it.</summary>
/// <remarks>Codes and status as in the service's "Blob service error codes"; the texts are constant, so that nothing of a request or a SAS comes back.</remarks>
internal sealed record BlobError(int Status, string Code, string Message, string? Header = null)
{
    public static readonly BlobError NoAuthentication = new(401, "NoAuthenticationInformation", "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.");
    public static readonly BlobError AuthenticationFailed = new(403, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of the shared access signature is formed correctly and has not expired or been revoked.");
    public static readonly BlobError PermissionMismatch = new(403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.");
    public static readonly BlobError ProtocolMismatch = new(403, "AuthorizationProtocolMismatch", "This request is not authorized to perform this operation using this protocol.");
    public static readonly BlobError ResourceTypeMismatch = new(403, "AuthorizationResourceTypeMismatch", "This request is not authorized to perform this operation using this resource type.");
    public static readonly BlobError SourceIpMismatch = new(403, "AuthorizationSourceIPMismatch", "This request is not authorized to perform this operation using this source IP.");
    public static readonly BlobError UnauthorizedOverwrite = new(403, "UnauthorizedBlobOverwrite", "This request is not authorized to perform blob overwrites.");

    public static readonly BlobError BlobAlreadyExists = new(409, "BlobAlreadyExists", "The specified blob already exists.");
    public static readonly BlobError BlobNotFound = new(404, "BlobNotFound", "The specified blob does not exist.");
    public static readonly BlobError BlockCountExceeded = new(409, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks.");
    public static readonly BlobError BlockListTooLong = new(400, "BlockListTooLong", "The block list may not contain more than 50,000 blocks.");
    public static readonly BlobError ConditionNotMet = new(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.");
    public static readonly BlobError ContainerNotFound = new(404, "ContainerNotFound", "The specified container does not exist.");
    public static readonly BlobError Crc64Mismatch = new(400, "Crc64Mismatch", "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.");
    public static readonly BlobError InternalError = new(500, "InternalError", "The server encountered an internal error. Please retry the request.");
    public static readonly BlobError InvalidBlobOrBlock = new(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.");
    public static readonly BlobError InvalidBlockId = new(400, "InvalidBlockId", "The specified block ID is invalid. The block ID must be Base64-encoded.");
    public static readonly BlobError InvalidBlockList = new(400, "InvalidBlockList", "The specified block list is invalid.");
    public static readonly BlobError InvalidMd5 = new(400, "InvalidMd5", "The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64 encoded.");
    public static readonly BlobError InvalidName = new(400, "InvalidResourceName", "The specified resource name contains invalid characters.");
    public static readonly BlobError InvalidRange = new(416, "InvalidRange", "The range specified is invalid for the current size of the resource.");
    public static readonly BlobError InvalidUri = new(400, "InvalidUri", "The requested URI does not represent any resource on the server.");
    public static readonly BlobError InvalidXml = new(400, "InvalidXmlDocument", "XML specified is not syntactically valid.");
    public static readonly BlobError LeaseNotPresent = new(412, "LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob.");
    public static readonly BlobError Md5Mismatch = new(400, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.");
    public static readonly BlobError MetadataTooLarge = new(400, "MetadataTooLarge", "The size of the specified metadata exceeds the maximum size permitted.");
    public static readonly BlobError MissingContentLength = new(411, "MissingContentLengthHeader", "Content-Length HTTP header is not specified.");
    public static readonly BlobError NameTooLong = new(400, "OutOfRangeInput", "The specified resource name length is not within the permissible limits.");
    public static readonly BlobError NoSpace = new(507, "InsufficientStorage", "The server has not enough free space to take this request.");
    public static readonly BlobError RequestBodyTooLarge = new(413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.");
    public static readonly BlobError UnsupportedVerb = new(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.");

    public static BlobError InvalidHeader(string header) => new(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.", header);

    public static BlobError MissingHeader(string header) => new(400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.", header);

    public static BlobError UnsupportedHeader(string header) => new(400, "UnsupportedHeader", "One of the HTTP headers specified in the request is not supported.", header);

    public static BlobError InvalidQuery(string parameter) => new(400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid.", parameter);

    public static BlobError UnsupportedQuery(string parameter) => new(400, "UnsupportedQueryParameter", "One of the query parameters specified in the request URI is not supported.", parameter);

    public async Task WriteAsync(HttpContext context, string requestId, DateTimeOffset now)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.Headers["x-ms-error-code"] = Code;
        if (Status == 401) response.Headers.WWWAuthenticate = "SharedAccessSignature";
        if (HttpMethods.IsHead(context.Request.Method) || Status == 304) return;
        var body = new StringBuilder();
        using (var xml = XmlWriter.Create(body, new XmlWriterSettings { OmitXmlDeclaration = true }))
        {
            xml.WriteStartElement("Error");
            xml.WriteElementString("Code", Code);
            xml.WriteElementString("Message", $"{Message}\nRequestId:{requestId}\nTime:{now.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffffffZ}");
            if (Header is not null) xml.WriteElementString(Code.Contains("Query", StringComparison.Ordinal) ? "QueryParameterName" : "HeaderName", Header);
            xml.WriteEndElement();
        }

        var bytes = Encoding.UTF8.GetBytes("﻿<?xml version=\"1.0\" encoding=\"utf-8\"?>" + body);
        response.ContentType = "application/xml";
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, context.RequestAborted);
    }
}

/// <summary>Carries a <see cref="BlobError"/> out of the depth of a request; it never leaves the endpoint.</summary>
internal sealed class BlobErrorException(BlobError error) : Exception(error.Code)
{
    public BlobError Error { get; } = error;
}
