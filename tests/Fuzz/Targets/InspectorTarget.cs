using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>The one-pass inspector: any cut gives the same result; its digest is that of the dataset in memory; frames lie within the file.</summary>
public sealed class InspectorTarget : DicomTarget
{
    public override string Name => "inspector";

    public override long Run(byte[] input, Random random)
    {
        var options = new InspectOptions { AllowTruncated = random.Next(2) == 0, MaxDatasetBytes = 1 << 20, MaxInlineBytes = random.Next(3) == 0 ? 64 : 1 << 20, MaxFragments = 1000, MaxInflatedBytes = 1 << 22 };
        var found = Inspect(input, options, null);
        var pieces = Inspect(input, options, random);
        FuzzFailure.Unless(found.DatasetDigest.AsSpan().SequenceEqual(pieces.DatasetDigest) && found.PixelDigest.AsSpan().SequenceEqual(pieces.PixelDigest)
            && found.FileSha256.AsSpan().SequenceEqual(pieces.FileSha256) && found.Frames.ToBytes().AsSpan().SequenceEqual(pieces.Frames.ToBytes())
            && found.Findings.SequenceEqual(pieces.Findings), "another cut of the bytes gives another result");
        Frames(input, found);
        Digest(input, options, found);
        _ = found.Readable.GetString(DicomTags.PatientName);
        _ = PatientKeys.Identifiers(found.Readable);
        return Behaviour.Add(Add(Behaviour.Add(Behaviour.Start, found.PixelDigestKind), found.Findings), (long)found.Frames.Kind);
    }

    private static void Frames(byte[] input, InspectedInstance found)
    {
        var bytes = found.Frames.ToBytes();
        FuzzFailure.Unless(FrameTable.Parse(bytes).ToBytes().AsSpan().SequenceEqual(bytes), "the frame table does not survive its compact form");
        var truncated = found.Findings.Any(f => f.Code == FindingCodes.Truncated);
        for (var i = 0; i < Math.Min(found.Frames.Count, 20); i++)
        {
            if (found.Frames.GetFrame(i) is not { } frame) continue;
            foreach (var range in frame.Ranges)
                FuzzFailure.Unless(range.Offset >= 0 && range.Length >= 0 && (truncated || range.Offset + range.Length <= input.Length), $"frame {i} lies outside the file");
        }
    }

    /// <summary>Where every value is in memory and no element was repeated, both digests are of the same thing.</summary>
    private static void Digest(byte[] input, InspectOptions options, InspectedInstance found)
    {
        if (options.MaxInlineBytes < 1 << 20 || found.Findings.Any(f => f.Code is FindingCodes.TagOrder or FindingCodes.DuplicateTag or FindingCodes.TooManyFindings or FindingCodes.Truncated)) return;
        var file = DicomFile.Read(input, new ReadOptions { AllowTruncated = options.AllowTruncated, MaxDatasetBytes = 4 << 20 });
        if (file.Dataset.Any(e => e.Bulk is not null)) return;
        FuzzFailure.Unless(CanonicalDigest.Of(file.Dataset).AsSpan().SequenceEqual(found.DatasetDigest), $"inspector and dataset disagree about the digest: {Compare.First(file.Dataset, found.Dataset)}; {string.Join(' ', found.Findings)}");
    }

    private static InspectedInstance Inspect(byte[] input, InspectOptions options, Random? cuts)
    {
        using var inspector = new InstanceInspector(options);
        for (var at = 0; at < input.Length;)
        {
            var n = cuts is null ? input.Length : Math.Min(cuts.Next(1, 300), input.Length - at);
            inspector.Append(input.AsSpan(at, n));
            at += n;
        }

        return inspector.Complete();
    }
}
