using Azure;
using Azure.Storage.Blobs.Models;
using Skylight.Archive.Objects;

namespace Skylight.Azure.Objects;

/// <summary>What the store's errors mean to its callers.</summary>
internal static class BlobFaults
{
    public static bool IsMissing(RequestFailedException error) => error.ErrorCode == BlobErrorCode.BlobNotFound || (error.Status == 404 && string.IsNullOrEmpty(error.ErrorCode));

    /// <summary>The port's exception for an error of the service.</summary>
    public static IOException Of(RequestFailedException error, string name)
    {
        if (IsMissing(error)) return new ObjectMissingException(name);
        if (error.ErrorCode == BlobErrorCode.BlobArchived || error.ErrorCode == BlobErrorCode.BlobBeingRehydrated) return new ObjectArchivedException(name);
        return new BlobStoreException(error.Status, error.ErrorCode);
    }
}

/// <summary>The object store refused or did not answer, after its client's retries. Carries status and error code only: the client's own message quotes the request.</summary>
public sealed class BlobStoreException(int status, string? code) : IOException($"The object store answered {status} {code}.")
{
    public int Status { get; } = status;

    public string? Code { get; } = code;
}
