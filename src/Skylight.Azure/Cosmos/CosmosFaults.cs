using System.Net;
using Microsoft.Azure.Cosmos;

namespace Skylight.Azure.Cosmos;

/// <summary>The catalog's service refused or did not answer, after all retries. Status and sub-status only: the client's own message quotes the request.</summary>
/// <param name="kind">The type of what was thrown, where there was no answer.</param>
public sealed class CosmosUnavailableException(int status, int subStatus, string? kind = null)
    : IOException(kind is null ? $"Cosmos answered {status}/{subStatus}." : $"Cosmos did not answer ({kind}).")
{
    public int Status { get; } = status;

    public int SubStatus { get; } = subStatus;
}

internal static class CosmosFaults
{
    /// <summary>Repeating may help. 429 comes here only when the client has already waited for as long as it may.</summary>
    public static bool IsTransient(HttpStatusCode status) => (int)status is 408 or 410 or 429 or 449 or 500 or 502 or 503 or 504;

    /// <summary>No answer, or a transient one, thrown rather than answered.</summary>
    public static bool IsTransient(Exception error, CancellationToken cancellationToken) => error switch
    {
        CosmosException cosmos => IsTransient(cosmos.StatusCode),
        HttpRequestException or IOException => true,
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        _ => false,
    };

    public static CosmosUnavailableException Of(Exception error) =>
        error is CosmosException cosmos ? new CosmosUnavailableException((int)cosmos.StatusCode, cosmos.SubStatusCode) : new CosmosUnavailableException(0, 0, error.GetType().Name);
}
