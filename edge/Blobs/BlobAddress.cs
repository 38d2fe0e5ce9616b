using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Blobs;

/// <summary>
/// What a request is addressed to, read from the raw target: <c>/{account}/{container}/{blob}</c> or <c>/{container}/{blob}</c>. The host's own
/// decoding is not used, because it resolves dot segments and keeps %2F, while a blob's name is opaque text.
/// </summary>
internal sealed record BlobAddress(string Container, string? Blob, Dictionary<string, StringValues> Query)
{
    private const int MaxNameChars = 1_024;

    /// <summary>Null when the target is none of this endpoint's.</summary>
    public static BlobAddress? Parse(HttpRequest request, string account)
    {
        var target = request.HttpContext.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        if (!target.StartsWith('/'))
        {
            // Absolute form, as a proxy sends it.
            var scheme = target.IndexOf("://", StringComparison.Ordinal);
            var slash = scheme < 0 ? -1 : target.IndexOf('/', scheme + 3);
            if (slash < 0) return null;
            target = target[slash..];
        }

        var mark = target.IndexOf('?', StringComparison.Ordinal);
        var path = mark < 0 ? target : target[..mark];
        var rest = path.AsSpan(1);
        if (rest.StartsWith(account) && (rest.Length == account.Length || rest[account.Length] == '/')) rest = rest.Length == account.Length ? [] : rest[(account.Length + 1)..];
        else if (!rest.StartsWith("up-")) return null;

        var end = rest.IndexOf('/');
        var container = (end < 0 ? rest : rest[..end]).ToString();
        // A path of another capability may begin like a container; only the exact form is ours. Under the account everything is.
        if (path.AsSpan(1).StartsWith("up-") && UploadId.OfContainer(container) is null) return null;
        var blob = end < 0 || end + 1 == rest.Length ? null : Decode(rest[(end + 1)..]);
        return new BlobAddress(container, blob, mark < 0 ? [] : QueryHelpers.ParseQuery(target[mark..]));
    }

    /// <summary>A query parameter; null when it is missing, an error when it is given twice.</summary>
    public string? Get(string parameter)
    {
        if (!Query.TryGetValue(parameter, out var values)) return null;
        return values.Count == 1 ? values[0] : throw new BlobErrorException(BlobError.InvalidQuery(parameter));
    }

    /// <summary>The blob's name, checked. Names with control characters or broken UTF-8 are refused: no report could show them.</summary>
    public string BlobName()
    {
        if (string.IsNullOrEmpty(Blob)) throw new BlobErrorException(BlobError.InvalidUri);
        if (Blob.Length > MaxNameChars) throw new BlobErrorException(BlobError.NameTooLong);
        foreach (var rune in Blob.EnumerateRunes())
            if (rune == Rune.ReplacementChar || Rune.IsControl(rune)) throw new BlobErrorException(BlobError.InvalidName);
        return Blob;
    }

    /// <summary>Percent-decodes once. What is no UTF-8 becomes U+FFFD, which <see cref="BlobName"/> refuses: no two spellings of one name.</summary>
    private static string Decode(ReadOnlySpan<char> text)
    {
        if (!text.Contains('%')) return text.ToString();
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                bytes[count++] = byte.Parse(text.Slice(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                i += 2;
            }
            else
            {
                count += Encoding.UTF8.GetBytes(text.Slice(i, 1), bytes.AsSpan(count));
            }
        }

        return Encoding.UTF8.GetString(bytes, 0, count);
    }
}
