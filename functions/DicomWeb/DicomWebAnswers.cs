using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Retrieve;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>What DICOMweb handlers have in common: the wishes of a request, DICOM JSON answers, versions, and the refusals of the protocol.</summary>
internal static class DicomWebAnswers
{
    public const string DicomJson = "application/dicom+json";

    /// <summary>What the request accepts, by header and query (PS3.18 §8.3.3); null when malformed.</summary>
    public static IReadOnlyList<MediaRange>? Wishes(HttpRequest request) =>
        Negotiation.Wishes([.. request.Headers.Accept], [.. request.Query["accept"]]);

    public static Problem BadAccept() =>
        Problem.BadRequest("accept-malformed", "The Accept header or accept parameter is malformed.", "Accept 请求头或 accept 参数格式错误。");

    public static Problem NotAcceptable(string offers) =>
        Problem.Of(406, "not-acceptable", "This cannot be given in any of the accepted media types and transfer syntaxes.", "无法以所接受的媒体类型和传输语法提供此内容。", ("offers", offers));

    /// <summary>Tags the answer with the revision of what the study holds. True when the client has that already: answer 304. Only after the access decision.</summary>
    public static bool IsNotModified(HttpRequest request, StudyDocument study, string variant)
    {
        // Weak: boundaries differ from answer to answer. The variant keeps the forms of one resource apart.
        var tag = $"W/\"{study.ReadersRevision()}-{variant}\"";
        request.HttpContext.Response.Headers.ETag = tag;
        request.HttpContext.Response.Headers.Vary = "Accept";
        foreach (var value in request.Headers.IfNoneMatch)
        {
            foreach (var candidate in (value ?? "").Split(',', StringSplitOptions.TrimEntries))
            {
                if (candidate == "*" || candidate == tag || "W/" + candidate == tag) return true;
            }
        }
        return false;
    }

    public static IActionResult NotModified() => Answer.Empty(StatusCodes.Status304NotModified);

    /// <summary>DICOM JSON of one attribute set (<paramref name="many"/> false) or of an array.</summary>
    public static IActionResult Json(int status, IEnumerable<DicomAttributes> results, bool many) => new JsonAnswer(status, results, many);

    private sealed class JsonAnswer(int status, IEnumerable<DicomAttributes> results, bool many) : IActionResult
    {
        private const int FlushBytes = 32 * 1024;

        public async Task ExecuteResultAsync(ActionContext context)
        {
            var response = context.HttpContext.Response;
            response.StatusCode = status;
            response.ContentType = DicomJson;
            if (HttpMethods.IsHead(context.HttpContext.Request.Method)) return;
            var json = new ArrayBufferWriter<byte>(4096);
            await using var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = DocumentJson.Options.Encoder, SkipValidation = true });
            if (many) writer.WriteStartArray();
            foreach (var result in results)
            {
                result.WriteTo(writer);
                if (writer.BytesPending + json.WrittenCount <= FlushBytes) continue;
                writer.Flush();
                await response.BodyWriter.WriteAsync(json.WrittenMemory, context.HttpContext.RequestAborted);
                json.ResetWrittenCount();
            }

            if (many) writer.WriteEndArray();
            writer.Flush();
            // Most answers are small: whole and in one piece.
            if (!response.HasStarted) response.ContentLength = json.WrittenCount;
            await response.BodyWriter.WriteAsync(json.WrittenMemory, context.HttpContext.RequestAborted);
        }
    }
}
