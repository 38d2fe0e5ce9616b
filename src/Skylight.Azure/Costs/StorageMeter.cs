using Azure.Core;
using Azure.Core.Pipeline;

namespace Skylight.Azure.Costs;

/// <summary>Counts each try of each request of a storage client. Belongs per retry, so that the bill and the count agree.</summary>
internal sealed class StorageMeter(AzureCosts costs) : HttpPipelinePolicy
{
    /// <summary>Property of a message under which a <see cref="StorageAttempts"/> counts the tries of one call.</summary>
    internal const string Attempts = "skylight.attempts";

    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        Begin(message);
        try
        {
            ProcessNext(message, pipeline);
        }
        finally
        {
            Count(message);
        }
    }

    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        Begin(message);
        try
        {
            await ProcessNextAsync(message, pipeline);
        }
        finally
        {
            Count(message);
        }
    }

    private static void Begin(HttpMessage message)
    {
        if (message.TryGetProperty(Attempts, out var value) && value is StorageAttempts attempts) attempts.Count++;
    }

    private void Count(HttpMessage message)
    {
        var request = message.Request;
        long up = 0;
        if (request.Content is { } content && content.TryComputeLength(out var length)) up = length;
        var status = message.HasResponse ? message.Response.Status : 0;
        var down = message.HasResponse && message.Response.Headers.ContentLength is { } received && request.Method != RequestMethod.Head ? received : 0;
        costs.Storage(ClassOf(request), up, down, status is 429 or 503);
    }

    private static StorageClass ClassOf(Request request)
    {
        if (request.Method == RequestMethod.Delete) return StorageClass.Other;
        if (request.Method == RequestMethod.Put || request.Method == RequestMethod.Post) return StorageClass.Write;
        return request.Uri.Query.Contains("comp=list&", StringComparison.Ordinal) || request.Uri.Query.EndsWith("comp=list", StringComparison.Ordinal) ? StorageClass.List : StorageClass.Read;
    }
}

/// <summary>How often one call was tried: after more than once, "not found" or "exists" may be the echo of its own first try.</summary>
internal sealed class StorageAttempts
{
    public int Count { get; set; }

    /// <summary>Counts the tries of the calls made until the answer is disposed.</summary>
    public static IDisposable Watch(out StorageAttempts attempts)
    {
        attempts = new StorageAttempts();
        return HttpPipeline.CreateHttpMessagePropertiesScope(new Dictionary<string, object?> { [StorageMeter.Attempts] = attempts });
    }
}
