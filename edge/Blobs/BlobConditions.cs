using System.Globalization;

namespace Skylight.Edge.Blobs;

/// <summary>The conditional headers of a request ("Specifying conditional headers for Blob service operations").</summary>
internal sealed record BlobConditions(string? IfMatch, string? IfNoneMatch, DateTimeOffset? IfModifiedSince, DateTimeOffset? IfUnmodifiedSince)
{
    public static BlobConditions Read(IHeaderDictionary headers) =>
        new(One(headers, "If-Match"), One(headers, "If-None-Match"), Date(headers, "If-Modified-Since"), Date(headers, "If-Unmodified-Since"));

    /// <summary>Null when a write may go on over <paramref name="current"/>.</summary>
    public BlobError? ForWrite(BlobRow? current)
    {
        if (IfNoneMatch == "*" && current is not null) return BlobError.BlobAlreadyExists;
        if (IfMatch is not null && (current is null || !Matches(IfMatch, current))) return BlobError.ConditionNotMet;
        if (current is null) return null;
        if (IfNoneMatch is not null && Matches(IfNoneMatch, current)) return BlobError.ConditionNotMet;
        if (IfUnmodifiedSince < current.Modified) return BlobError.ConditionNotMet;
        return IfModifiedSince >= current.Modified ? BlobError.ConditionNotMet : null;
    }

    /// <summary>Null when a read may go on; an error of status 304 when the client has this version.</summary>
    public BlobError? ForRead(BlobRow current)
    {
        if (IfMatch is not null && !Matches(IfMatch, current)) return BlobError.ConditionNotMet;
        if (IfUnmodifiedSince < current.Modified) return BlobError.ConditionNotMet;
        if (IfNoneMatch is not null) return Matches(IfNoneMatch, current) ? BlobError.ConditionNotMet with { Status = 304 } : null;
        return IfModifiedSince >= current.Modified ? BlobError.ConditionNotMet with { Status = 304 } : null;
    }

    private static bool Matches(string condition, BlobRow current) => condition == "*" || condition.Trim('"') == current.ETag;

    private static string? One(IHeaderDictionary headers, string name)
    {
        var values = headers[name];
        return values.Count switch
        {
            0 => null,
            1 when !string.IsNullOrEmpty(values[0]) => values[0],
            _ => throw new BlobErrorException(BlobError.InvalidHeader(name)),
        };
    }

    private static DateTimeOffset? Date(IHeaderDictionary headers, string name) =>
        One(headers, name) is not { } text ? null
        : DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date
        : throw new BlobErrorException(BlobError.InvalidHeader(name));
}
