using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>Datasets: what is written as it was read gives the same dataset again, and writing that again the same bytes; XML and JSON come out whole.</summary>
public sealed class DatasetTarget : DicomTarget
{
    public override string Name => "dataset";

    public override long Run(byte[] input, Random random)
    {
        var options = Options(random) with { MaxInlineBytes = long.MaxValue };
        var file = DicomFile.Read(input, options);
        var digest = CanonicalDigest.Of(file.Dataset);
        var once = DicomWriter.ToArray(file, WriteOptions.AsRead);
        if (file.PixelDataOffset < 0 && IsPlain(file)) Again(file, once, digest, options);
        var behaviour = Add(Behaviour.Add(Behaviour.Start, file.Syntax.IsKnown ? file.Syntax.Uid : ""), file.Findings);
        using var xml = System.Xml.XmlWriter.Create(Stream.Null);
        DicomXml.Write(xml, file.Dataset);
        return Json(file.Dataset, behaviour);
    }

    private static long Json(DicomDataset dataset, long behaviour)
    {
        var json = DicomJson.ToUtf8(dataset);
        var back = DicomJson.Read(json);
        var second = DicomJson.ToUtf8(back);
        FuzzFailure.Unless(DicomJson.ToUtf8(DicomJson.Read(second)).AsSpan().SequenceEqual(second), "JSON is not stable after two turns");
        return Behaviour.Magnitude(behaviour, back.Count);
    }

    /// <summary>Files that are told from their first element, not from what they declare, cannot be the same once that element has gone or moved.</summary>
    private static bool IsPlain(DicomFile file) =>
        file.Dataset.Count > 0 && !file.Findings.Any(f => f.Code is FindingCodes.TagOrder or FindingCodes.DuplicateTag or FindingCodes.SyntaxMismatch or FindingCodes.MissingMeta
            or FindingCodes.MissingPreamble or FindingCodes.VrInvalid or FindingCodes.DamagedSequence or FindingCodes.Truncated or FindingCodes.TooManyFindings
            or FindingCodes.MetaGroupLength or FindingCodes.StrayDelimiter or FindingCodes.LengthBeyondParent or FindingCodes.MissingDelimiter or FindingCodes.TrailingBytes);

    private static void Again(DicomFile file, byte[] once, byte[] digest, ReadOptions options)
    {
        var again = DicomFile.Read(once, options with { AllowTruncated = true });
        FuzzFailure.Unless(CanonicalDigest.Of(again.Dataset).AsSpan().SequenceEqual(digest), $"written as read, the dataset is another: {Compare.First(file.Dataset, again.Dataset)}");
        FuzzFailure.Unless(DicomWriter.ToArray(again, WriteOptions.AsRead).AsSpan().SequenceEqual(once), "written twice, the bytes differ");
    }
}
