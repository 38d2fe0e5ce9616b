namespace Skylight.Core.Retrieve;

/// <summary>What a multipart body may cost before it is refused. None of these limits the size of a part, which is streamed.</summary>
public sealed record MultipartLimits
{
    /// <summary>Bytes before the first boundary (RFC 2046 allows a preamble; nobody sends one). Default 4 KiB.</summary>
    public int MaxPreambleBytes { get; init; } = 4 * 1024;

    /// <summary>Bytes of one part's headers with their line ends. Default 8 KiB.</summary>
    public int MaxHeaderBytes { get; init; } = 8 * 1024;

    /// <summary>Headers of one part. Default 32.</summary>
    public int MaxHeaders { get; init; } = 32;

    /// <summary>Parts of one body. Default 20,000.</summary>
    public int MaxParts { get; init; } = 20_000;
}

/// <summary>A multipart body that is not one, or passes a limit. <see cref="Code"/> is stable; the message names no content.</summary>
public sealed class MultipartFormatException(string code, string message) : Exception(message)
{
    /// <summary>One of <c>multipart.boundary</c>, <c>multipart.truncated</c>, <c>multipart.headers</c>, <c>multipart.limit</c>, <c>multipart.encoding</c>.</summary>
    public string Code { get; } = code;
}
