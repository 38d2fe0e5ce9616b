using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;

namespace Skylight.Functions.Http;

/// <summary>
/// What every HTTP function has in common: the body limit, the default headers, and the one place where an exception becomes an answer.
/// Only our own few exception types are the client's fault; anything else is a 500 that says nothing but the correlation id.
/// </summary>
public sealed class HttpMiddleware(IOptions<HttpOptions> options, ILogger<HttpMiddleware> logger, ErasedStudies? erased = null) : IFunctionsWorkerMiddleware
{
    private readonly ConcurrentDictionary<string, long> _limits = new(StringComparer.Ordinal);

    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        if (context.GetHttpContext() is not { } http)
        {
            await next(context);
            return;
        }

        ResponseHeaders.Prepare(http);
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            var limit = _limits.GetOrAdd(context.FunctionDefinition.Id, static (_, state) => state.Self.LimitOf(state.Definition), (Self: this, Definition: context.FunctionDefinition));
            size.MaxRequestBodySize = limit == RequestLimitAttribute.Unlimited ? null : limit;
            if (http.Request.ContentLength > limit)
            {
                await HttpFailure.TooLarge(limit).WriteAsync(http);
                return;
            }
        }

        try
        {
            await next(context);
        }
        catch (Exception error) when (!http.Response.HasStarted)
        {
            if (http.RequestAborted.IsCancellationRequested) return;
            var problem = erased is not null && await erased.IsErasedAsync(error, http.RequestAborted) ? Problem.NotFound() : HttpFailure.Of(error, context.CancellationToken);
            if (problem.Status == StatusCodes.Status500InternalServerError || problem.Status == StatusCodes.Status503ServiceUnavailable && error is KeyUnavailableException or CodecUnavailableException) Log.Failed(logger, context.FunctionDefinition.Name, error);
            http.Response.Clear();
            await problem.WriteAsync(http);
        }
    }

    private long LimitOf(FunctionDefinition function)
    {
        if (options.Value.MaxBodyBytesOf.TryGetValue(function.Name, out var configured)) return configured;
        var dot = function.EntryPoint.LastIndexOf('.');
        var type = dot < 0 ? null : AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetType(function.EntryPoint[..dot])).FirstOrDefault(t => t is not null);
        var declared = type?.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static)
            .FirstOrDefault(m => m.GetCustomAttribute<FunctionAttribute>()?.Name == function.Name)?.GetCustomAttribute<RequestLimitAttribute>();
        return declared?.MaxBodyBytes ?? options.Value.MaxBodyBytes;
    }
}

/// <summary>Exceptions as answers.</summary>
public static class HttpFailure
{
    private const int DiskFull = 28; // ENOSPC, as .NET puts it into an IOException's HResult on Linux, and our stores into theirs
    private const int QuotaFull = 122; // EDQUOT

    public static Problem Of(Exception error, CancellationToken timeLimit) => error switch
    {
        DocumentConflictException => Problem.Of(409, "conflict", "The record was changed by somebody else; read it again.", "记录已被他人修改，请重新读取。"),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => TooLarge(null),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => Problem.Of(408, "request-too-slow", "The body arrived too slowly.", "请求体传输过慢。"),
        BadHttpRequestException bad => Problem.Of(bad.StatusCode, "request-malformed", "The request is not valid HTTP.", "请求不是有效的 HTTP。"),
        KeyUnavailableException key => KeyUnavailable(key.Fault),
        CodecUnavailableException => Problem.Of(
            503, "codec-missing", "The content is kept compressed by a codec that is not installed here; the logs name it.", "内容以压缩形式保存，本机缺少所需的解码库，详见日志。"),
        ObjectArchivedException => Problem.Of(
            409, "study-archived", "The content is archived: ask for the study over DICOMweb, which brings it back, then try again.", "内容已归档：请先经 DICOMweb 请求该检查以取回，然后重试。"),
        StudyBeingErasedException => Problem.Of(
            503, "study-being-erased", "The study is being erased at this moment; send it again, and it is a new study.", "该检查正在彻底清除，请稍后重新发送，届时将作为新检查接收。").WithHeader("Retry-After", "10"),
        OperationCanceledException when timeLimit.IsCancellationRequested => Problem.Of(503, "time-limit", "This took too long or the service is stopping; try again.", "处理超时或服务正在停止，请重试。").WithHeader("Retry-After", "5"),
        { HResult: DiskFull or QuotaFull } => Problem.Of(507, "storage-full", "There is no space left; nothing was stored.", "存储空间已满，未保存任何内容。"),
        _ => Problem.Of(500, "internal-error", "Something went wrong on our side; the correlation id finds it in the logs.", "服务内部错误，可凭 correlationId 在日志中查找。"),
    };

    private static Problem KeyUnavailable(KeyFault fault)
    {
        var problem = Problem.Of(
            503, "key-unavailable", "A key that this needs cannot be had; the health check and the logs name it.", "所需密钥不可用，详见健康检查与日志。", ("fault", fault));

        // Nothing is wrong with the key: the vault, or the second place of key records, is away for the moment.
        return fault is KeyFault.NotReached or KeyFault.NotReplicated ? problem.WithHeader("Retry-After", "30") : problem;
    }

    public static Problem TooLarge(long? limit)
    {
        const string En = "The body is larger than this address takes; send large studies through the upload API (POST /api/uploads).";
        const string Zh = "请求体超过此地址的上限；大型检查请使用上传接口（POST /api/uploads）。";
        return limit is null ? Problem.Of(413, "body-too-large", En, Zh) : Problem.Of(413, "body-too-large", En, Zh, ("maxBytes", limit));
    }
}
