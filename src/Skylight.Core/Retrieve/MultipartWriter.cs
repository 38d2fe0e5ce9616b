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
        var header = new StringBuilder(_first ? "--" : "\r\n--", 256).Append(boundary)
            .Append("\r\nContent-Type: ").Append(contentType);
        if (contentLocation is not null) header.Append("\r\nContent-Location: ").Append(contentLocation);
        header.Append("\r\n\r\n");
        _first = false;
        Encoding.ASCII.GetBytes(header.ToString(), Output);
    }

    /// <summary>Writes the closing boundary. Without it the reader knows that the body broke off.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        Encoding.ASCII.GetBytes($"{(_first ? "--" : "\r\n--")}{boundary}--\r\n", Output);
        await Output.FlushAsync(cancellationToken);
    }
}
