using System.Buffers;
using System.IO.Pipelines;

namespace Skylight.Dicom.Tests.Corpus;

public sealed class CorpusWriteTests
{
    /// <summary>Files that no writer would make again: cut short, elements repeated, forms mixed within one dataset.</summary>
    private static readonly Dictionary<string, string> s_notExact = new()
    {
        ["image_dfl.dcm"] = "deflated by another compressor",
        ["rtplan_truncated.dcm"] = "cut short",
        ["MR_truncated.dcm"] = "cut short",
        ["data_test_files_dicomdirtests_DICOMDIR-nooffset"] = "declares a sequence longer than the file",
    };

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Write_AsRead_IsByteExact(string name)
    {
        var bytes = CorpusFiles.Bytes(name);
        Assert.SkipWhen(s_notExact.TryGetValue(name, out var reason), reason ?? "");
        var file = DicomFile.Read(bytes);
        Assert.Equal(Convert.ToHexString(bytes), Convert.ToHexString(DicomWriter.ToArray(file, WriteOptions.AsRead)));
    }

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Write_EverySyntaxAndLengthEncoding_KeepsDatasetDigest(string name)
    {
        var file = DicomFile.Read(CorpusFiles.Bytes(name), new ReadOptions { AllowTruncated = true });
        Assert.SkipWhen(name.Contains("truncated", StringComparison.Ordinal), "values are cut");
        var digest = CanonicalDigest.Of(file.Dataset);
        TransferSyntax[] targets = file.Dataset.TryGet(DicomTags.PixelData, out var p) && p.Fragments is not null
            ? [file.Syntax]
            : [TransferSyntax.ImplicitLittle, TransferSyntax.ExplicitLittle, TransferSyntax.ExplicitBig, TransferSyntax.Deflated];
        foreach (var target in targets)
        {
            foreach (var lengths in Enum.GetValues<LengthEncoding>())
            {
                // With a length, a private sequence in Implicit VR is bytes like any other.
                if (target == TransferSyntax.ImplicitLittle && lengths != LengthEncoding.Undefined && HasPrivateSequence(file.Dataset)) continue;
                var written = DicomWriter.ToArray(file with { Syntax = target }, new WriteOptions { Lengths = lengths });
                using var inspector = new InstanceInspector();
                inspector.Append(written);
                var found = inspector.Complete();
                Assert.Equal(target.Uid, found.Syntax.Uid);
                Assert.Equal((target, lengths, Convert.ToHexString(digest)), (target, lengths, Convert.ToHexString(found.DatasetDigest)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public async Task Convert_CorpusFile_GivesExplicitLittleWithSameDigests(string name)
    {
        var bytes = CorpusFiles.Bytes(name);
        Assert.SkipWhen(name == "rtplan_truncated.dcm", "cut short");
        var before = Inspect(bytes);
        var converted = await ConvertAsync(bytes, 700);
        var after = Inspect(converted);

        var expected = before.Syntax.IsExplicit && !before.Syntax.IsBigEndian && !before.Syntax.IsDeflated ? before.Syntax : TransferSyntax.ExplicitLittle;
        Assert.Equal(expected.Uid, after.Syntax.Uid);
        Assert.Equal(before.DatasetDigest, after.DatasetDigest);
        Assert.Equal(before.PixelDigest, after.PixelDigest);
        Assert.True(after.HasPreamble);
        Assert.Equal(DicomUids.ImplementationClassUid, after.FileMeta.GetString(DicomTags.ImplementationClassUID));
        if (before.Dataset.GetString(DicomTags.SOPInstanceUID) is { } uid) Assert.Equal(uid, after.FileMeta.GetString(DicomTags.MediaStorageSOPInstanceUID));
        if (expected == before.Syntax) Assert.Equal(bytes.AsSpan((int)before.DatasetOffset), converted.AsSpan((int)after.DatasetOffset));
    }

    private static bool HasPrivateSequence(DicomDataset dataset) =>
        dataset.Any(e => e.Sequence is { } s && (e.Tag.IsPrivate || s.Items.Any(HasPrivateSequence)));

    private static InspectedInstance Inspect(byte[] bytes)
    {
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true });
        inspector.Append(bytes);
        return inspector.Complete();
    }

    private static async Task<byte[]> ConvertAsync(byte[] bytes, int piece)
    {
        var source = PipeReader.Create(new MemoryStream(bytes), new StreamPipeReaderOptions(bufferSize: piece));
        using var target = new MemoryStream();
        var writer = PipeWriter.Create(target);
        await ExplicitVrConverter.ConvertAsync(source, writer, null, CancellationToken.None);
        await writer.CompleteAsync();
        return target.ToArray();
    }
}
