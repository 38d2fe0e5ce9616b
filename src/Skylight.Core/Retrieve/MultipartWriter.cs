using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;

namespace Skylight.Core.Retrieve;

/// <summary>
/// Writes <c>multipart/related</c> to a pipe, part by part; contents go straight to <see cref="Output"/> between two parts. The boundary is 128 random
/// bits, so content cannot contain it but by a chance that no disk survives to see.
/// </summary>
public sealed class MultipartWriter(PipeWriter output, string boundary)
{
    private bool _first = true;

    /// <summary>Where the current part's content is written.</summary>
    public PipeWriter Output { get; } = output;

    /// <summary>A fresh boundary, and the Content-Type of a body with it.</summary>
    /// <param name="partType">Media type of the parts.</param>
    public static string NewContentType(string partType, out string boundary)
    {
        boundary = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        return $"multipart/related; type=\"{partType}\"; boundary={boundary}";
    }

    /// <summary>Ends the part before and opens the next.</summary>
    /// <param name="contentType">Header value as it goes out, with <c>transfer-syntax</c> where there is one.</param>
    /// <param name="contentLocation">URL of the part's content, or null.</param>
    public void BeginPart(string contentType, string? contentLocation)
    {
        Encoding.ASCII.GetBytes(Head(_first, boundary, contentType, contentLocation), Output);
        _first = false;
    }

    /// <summary>Bytes of a body with at least one part.</summary>
    public static long Length(string boundary, IEnumerable<(string ContentType, string? ContentLocation, long Length)> parts)
    {
        long length = 0;
        foreach (var part in parts) length += Head(length == 0, boundary, part.ContentType, part.ContentLocation).Length + part.Length;
        return length + End(first: false, boundary).Length;
    }

    /// <summary>Writes the closing boundary. Without it the reader knows that the body broke off.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        Encoding.ASCII.GetBytes(End(_first, boundary), Output);
        await Output.FlushAsync(cancellationToken);
    }

    private static string Head(bool first, string boundary, string contentType, string? contentLocation) => contentLocation is null
        ? $"{(first ? "--" : "\r\n--")}{boundary}\r\nContent-Type: {contentType}\r\n\r\n"
        : $"{(first ? "--" : "\r\n--")}{boundary}\r\nContent-Type: {contentType}\r\nContent-Location: {contentLocation}\r\n\r\n";

    private static string End(bool first, string boundary) => $"{(first ? "--" : "\r\n--")}{boundary}--\r\n";
}
