using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Retrieve;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// Answers with a file exactly as it was received: whole or one range of it (RFC 9110 §14), with its SHA-256 (RFC 9530), so that a client can see that what it holds is what was
/// received. Of an archived study 202.
/// </summary>
public sealed class OriginalFiles(InstanceBytes bytes, ArchivedStudies archived)
{
    /// <summary>The caller has been admitted to the originals of the study.</summary>
    public async Task<IActionResult> AnswerAsync(HttpRequest request, StudyDocument study, IndexEntry entry, CancellationToken cancellationToken)
    {
        if (await archived.AnswerAsync(request, null, study, cancellationToken) is { } later) return later;
        var headers = request.HttpContext.Response.Headers;
        var tag = $"\"{Convert.ToHexStringLower(entry.FileSha256)}\"";
        headers.ETag = tag;
        headers.AcceptRanges = "bytes";
        headers["Repr-Digest"] = $"sha-256=:{Convert.ToBase64String(entry.FileSha256)}:";
        var (from, length, status) = Range(request, tag, entry.Length);
        if (status == StatusCodes.Status416RangeNotSatisfiable)
            return Problem.Of(416, "range-not-satisfiable", "The range lies outside of the file.", "请求的范围超出文件。").WithHeader("Content-Range", $"bytes */{entry.Length}");
        var cursor = bytes.Open();
        request.HttpContext.Response.RegisterForDispose(cursor);
        await bytes.ProbeAsync(cursor, entry, from, cancellationToken);
        if (status == StatusCodes.Status206PartialContent) headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{from + length - 1}/{entry.Length}");
        return Answer.Pipe("application/dicom", (output, token) => bytes.CopyRangeAsync(cursor, entry, from, length, output, token), length, status);
    }

    /// <summary>What of the file is asked for. Several ranges, or a range of another version of it, are answered with the whole.</summary>
    private static (long From, long Length, int Status) Range(HttpRequest request, string tag, long total)
    {
        var whole = (0L, total, StatusCodes.Status200OK);
        if (!RangeHeaderValue.TryParse(request.Headers.Range.ToString(), out var header) || header.Unit != "bytes" || header.Ranges.Count != 1) return whole;
        if (request.Headers.IfRange is [{ Length: > 0 } condition] && condition != tag) return whole;
        var range = header.Ranges.First();
        var (first, last) = range.From is { } from ? (from, Math.Min(range.To ?? total - 1, total - 1)) : (Math.Max(0, total - range.To!.Value), total - 1);
        return first < total && first <= last ? (first, last - first + 1, StatusCodes.Status206PartialContent) : (0, 0, StatusCodes.Status416RangeNotSatisfiable);
    }
}
