using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Core.Hosting;

namespace Skylight.Edge.Blobs;

/// <summary>
/// The Blob service's protocol for upload containers: Put Blob, Put Block, Put Block List, Get Block List, Get Blob and Get Blob Properties,
/// each only with the permission that the service asks for. Any other operation is refused as the service refuses it without a permission.
/// </summary>
internal sealed class BlobEndpoint(
    IOptions<BlobOptions> options, PublicAddress publicAddress, SasValidator sas, BlobTable table, BlobWrites writes, BlobReads reads, TimeProvider time, ILogger<BlobEndpoint> log)
{
    private const string DefaultVersion = "2023-01-03";
    private const int MaxClientRequestId = 1_024;

    /// <summary>What logs, traces and metrics call these requests.</summary>
    private static readonly RouteEndpoint Route = new(static _ => Task.CompletedTask, RoutePatternFactory.Parse("{container}/{blob}"), 0, null, "Blob protocol");

    /// <summary>Answers requests to upload containers; every other request goes on.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        BlobAddress? address;
        try
        {
            address = BlobAddress.Parse(context.Request, options.Value.AccountName);
        }
        catch (UriFormatException)
        {
            address = null;
        }

        if (address is null)
        {
            await next(context);
            return;
        }

        context.SetEndpoint(Route);
        // Bodies are bounded by this endpoint's own limits, which differ by operation.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        var requestId = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)).Insert(20, "-").Insert(16, "-").Insert(12, "-").Insert(8, "-");
        BlobError error;
        try
        {
            SetHeaders(context, address, requestId);
            await DispatchAsync(context, address, requestId);
            return;
        }
        catch (BlobErrorException refused)
        {
            error = refused.Error;
            BlobLog.Refused(log, requestId, error.Status, error.Code);
        }
        catch (StorageFullException)
        {
            error = BlobError.NoSpace;
            BlobLog.NoSpace(log, requestId);
        }
        catch (Exception failure) when (failure is OperationCanceledException or BadHttpRequestException or Microsoft.AspNetCore.Connections.ConnectionResetException)
        {
            // The client went away or sent a body that is not what its headers say; nothing of it is kept.
            BlobLog.Aborted(log, requestId);
            if (failure is BadHttpRequestException { StatusCode: 413 }) error = BlobError.RequestBodyTooLarge;
            else if (failure is BadHttpRequestException && !context.Response.HasStarted) error = BlobError.InvalidHeader("Content-Length");
            else
            {
                context.Abort();
                return;
            }
        }
        catch (Exception failure) when (!context.RequestAborted.IsCancellationRequested)
        {
            error = BlobError.InternalError;
            BlobLog.Failed(log, requestId, failure);
        }

        if (context.Response.HasStarted) context.Abort();
        else await error.WriteAsync(context, requestId, time.GetUtcNow());
    }

    private Task DispatchAsync(HttpContext context, BlobAddress address, string requestId)
    {
        var request = context.Request;
        // With a public https address a plain request comes from the TLS end point in front of us: only a loopback listener may be without TLS.
        var https = request.IsHttps || publicAddress.BaseUrl.Scheme == "https";
        var grant = sas.Validate(address, context.Connection.RemoteIpAddress, https, table.PolicyOf);
        // Only whoever holds a valid SAS for the container learns whether it is there.
        if (!table.Exists(address.Container)) throw new BlobErrorException(BlobError.ContainerNotFound);
        var operation = Operation(request.Method, address);
        if (!operation.Permissions.Any(grant.Allows)) throw new BlobErrorException(BlobError.PermissionMismatch);
        var call = new BlobCall(context, address, grant, requestId, time.GetUtcNow());
        return operation.Name switch
        {
            "PutBlob" => writes.PutBlobAsync(call),
            "PutBlock" => writes.PutBlockAsync(call),
            "PutBlockList" => writes.PutBlockListAsync(call),
            "GetBlockList" => reads.GetBlockListAsync(call),
            "GetBlob" => reads.GetBlobAsync(call, withBody: true),
            "GetBlobProperties" => reads.GetBlobAsync(call, withBody: false),
            _ => throw new BlobErrorException(address.Get("comp") is null ? BlobError.UnsupportedVerb : BlobError.UnsupportedQuery("comp")),
        };
    }

    /// <summary>The operation and the permissions of which it needs one ("Create a service SAS", permissions for a blob and a container).</summary>
    private static (string Name, string Permissions) Operation(string method, BlobAddress address)
    {
        var comp = address.Get("comp");
        if (address.Blob is null || address.Get("restype") is not null) return ("", method is "GET" or "HEAD" ? "l" : "d");
        return (method, comp) switch
        {
            ("PUT", null) => ("PutBlob", "cw"),
            ("PUT", "block") => ("PutBlock", "w"),
            ("PUT", "blocklist") => ("PutBlockList", "cw"),
            ("GET", "blocklist") => ("GetBlockList", "r"),
            ("GET", null) => ("GetBlob", "r"),
            ("HEAD", null) => ("GetBlobProperties", "r"),
            ("DELETE", _) => ("", "d"),
            ("GET" or "HEAD", _) => ("", "r"),
            ("PUT", "tags") => ("", "t"),
            ("PUT", "appendblock") => ("", "a"),
            _ => ("", "w"),
        };
    }

    private static void SetHeaders(HttpContext context, BlobAddress address, string requestId)
    {
        var (request, response) = (context.Request, context.Response);
        response.Headers["x-ms-request-id"] = requestId;
        var version = request.Headers["x-ms-version"].ToString();
        if (version.Length == 0 && address.Query.TryGetValue("sv", out var signed)) version = signed.ToString();
        response.Headers["x-ms-version"] = DateOnly.TryParseExact(version, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? version : DefaultVersion;
        var client = request.Headers["x-ms-client-request-id"].ToString();
        if (client.Length is > 0 and <= MaxClientRequestId && client.All(c => c is > ' ' and <= '~')) response.Headers["x-ms-client-request-id"] = client;
        response.Headers.Server = "Skylight-Blob/1.0";
    }
}

/// <summary>One admitted request.</summary>
internal sealed record BlobCall(HttpContext Context, BlobAddress Address, SasGrant Grant, string RequestId, DateTimeOffset Now)
{
    public HttpRequest Request => Context.Request;

    public HttpResponse Response => Context.Response;
}
