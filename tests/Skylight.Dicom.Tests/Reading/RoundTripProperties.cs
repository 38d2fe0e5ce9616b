using FsCheck;
using FsCheck.Fluent;

namespace Skylight.Dicom.Tests.Reading;

/// <summary>Random datasets, whatever their form: what is written is read, in any pieces.</summary>
public sealed class RoundTripProperties
{
    private static readonly TransferSyntax[] s_syntaxes = [TransferSyntax.ImplicitLittle, TransferSyntax.ExplicitLittle, TransferSyntax.ExplicitBig, TransferSyntax.Deflated];

    [Fact]
    public void WriteRead_RandomDataset_IsTheSameInEverySyntax() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var dataset = Dataset(random, 0);
        var digest = CanonicalDigest.Of(dataset);
        foreach (var syntax in s_syntaxes)
        {
            // Private sequences must be recognisable in Implicit VR.
            var options = new WriteOptions { Lengths = syntax.IsExplicit ? (LengthEncoding)random.Next(3) : LengthEncoding.Undefined };
            using var inspector = new InstanceInspector();
            var bytes = DicomWriter.ToArray(DicomFile.Of(dataset, syntax), options);
            for (var at = 0; at < bytes.Length;)
            {
                var n = Math.Min(random.Next(1, 200), bytes.Length - at);
                inspector.Append(bytes.AsSpan(at, n));
                at += n;
            }

            if (!inspector.Complete().DatasetDigest.AsSpan().SequenceEqual(digest)) return false;
            if (syntax != TransferSyntax.Deflated && !DicomWriter.ToArray(DicomFile.Read(bytes), WriteOptions.AsRead).AsSpan().SequenceEqual(bytes)) return false;
        }

        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void WriteRead_RandomDatasetAsJson_IsTheSame() => Prop.ForAll<int>(seed =>
    {
        var once = DicomJson.ToUtf8(Dataset(new Random(seed), 0));
        return once.AsSpan().SequenceEqual(DicomJson.ToUtf8(DicomJson.Read(once)));
    }).QuickCheckThrowOnFailure();

    private static DicomDataset Dataset(Random random, int depth)
    {
        var dataset = new DicomDataset(CharacterSet.Utf8);
        if (depth == 0) dataset.Set(DicomTags.SpecificCharacterSet, "ISO_IR 192").Set(DicomTags.SOPInstanceUID, "1.2.3");
        for (var i = random.Next(1, 12); i > 0; i--)
        {
            var tag = new DicomTag(0x0029, (ushort)random.Next(0x1000, 0x10FF));
            switch (random.Next(7))
            {
                case 0: dataset.Set(tag, Vr.LO, "值" + random.Next(), "b"); break;
                case 1: dataset.Set(tag, Vr.FD, random.NextDouble(), -random.NextDouble()); break;
                case 2: dataset.Set(tag, Vr.US, random.Next(65536)); break;
                case 3: dataset.Set(tag, Vr.OW, new byte[random.Next(3000) * 2]); break;
                case 4: dataset.Set(tag, Vr.UT, new string('文', random.Next(2000))); break;
                case 5: dataset.Set(tag, Vr.PN, "Wang^Li=王^力"); break;
                default:
                    if (depth < 5) dataset.Set(tag, [.. Enumerable.Range(0, random.Next(3)).Select(_ => Dataset(random, depth + 1))]);
                    break;
            }
        }

        return dataset;
    }
}
