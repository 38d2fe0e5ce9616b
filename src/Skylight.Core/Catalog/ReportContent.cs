using System.Buffers.Binary;

namespace Skylight.Core.Catalog;

/// <summary>What searches need of one structured report (PS3.3 A.35): its words, coded findings and measurements. Bounded.</summary>
public sealed record ReportContent
{
    public const int MaxReports = 8, MaxWords = 300, MaxCodes = 100, MaxMeasurements = 64;

    public required string SopInstanceUid { get; init; }

    /// <summary>Folded words of text values, code meanings and the document's title, as <see cref="Keywords"/> match them.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Coded values and concept names, <c>scheme:value</c> (<c>SCT:254637007</c>, <c>DCM:121071</c>).</summary>
    public IReadOnlyList<string> Codes { get; init; } = [];

    public IReadOnlyList<Measurement> Measurements { get; init; } = [];

    /// <summary>The study's reports with one added, or replaced when its UID is there; the newest are kept.</summary>
    public static IReadOnlyList<ReportContent> With(IReadOnlyList<ReportContent> reports, ReportContent added) =>
        [.. reports.Where(report => report.SopInstanceUid != added.SopInstanceUid).TakeLast(MaxReports - 1), added];

    /// <summary>The reports that stay when instances leave the study.</summary>
    public static IReadOnlyList<ReportContent> Without(IReadOnlyList<ReportContent> reports, IReadOnlyCollection<string> sopInstanceUids) =>
        [.. reports.Where(report => !sopInstanceUids.Contains(report.SopInstanceUid))];
}

/// <summary>A numeric content item.</summary>
/// <param name="Code">Concept name, <c>scheme:value</c>.</param>
/// <param name="Unit">UCUM code, as stored (<c>mm</c>, <c>cm2</c>, <c>[hnsf'U]</c>).</param>
public readonly record struct Measurement(string Code, string Unit, double Value);

/// <summary>A search by measurement: the concept, perhaps the unit, and a range with both ends included, either open.</summary>
public sealed record MeasurementKey(string Code, string? Unit, double? From, double? To)
{
    public bool Matches(Measurement measurement) =>
        measurement.Code == Code && (Unit is null || measurement.Unit == Unit) && !(measurement.Value < From) && !(measurement.Value > To);

    /// <summary>The first and the last index term of the range, both included, in ordinal order.</summary>
    public (string First, string Last) Terms() => (Term(Code, Unit ?? "", From ?? double.NegativeInfinity), Term(Code, Unit ?? "", To ?? double.PositiveInfinity));

    /// <summary>A measurement's index terms, with its unit and without; their ordinal order within one code and unit is that of the values.</summary>
    public static IEnumerable<string> TermsOf(Measurement measurement)
    {
        yield return Term(measurement.Code, "", measurement.Value);
        if (measurement.Unit.Length > 0) yield return Term(measurement.Code, measurement.Unit, measurement.Value);
    }

    private static string Term(string code, string unit, double value)
    {
        // IEEE order as unsigned order: negative numbers turned over, the others above them. Minus zero counts as zero.
        var bits = BitConverter.DoubleToInt64Bits(value == 0 ? 0 : value);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, bits < 0 ? ~(ulong)bits : (ulong)bits | 1UL << 63);
        return $"{code}|{unit}|{Convert.ToHexStringLower(bytes)}";
    }
}
