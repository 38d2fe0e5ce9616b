using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Archives and media, and what hostile ones come to.</summary>
public sealed class ContainerTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new(configure: options => (options.MaxArchiveEntries, options.MaxArchiveRatio) = (50, 20));

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    private static TestDicom Slice(int number) => TestDicom.Ct(sop: $"1.2.3.1.{number}");

    private static byte[] Zip(params (string Name, byte[] Bytes)[] entries) => ZipWith(null, entries);

    private static byte[] ZipWith(Encoding? names, params (string Name, byte[] Bytes)[] entries)
    {
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true, names))
        {
            foreach (var (name, content) in entries)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(content);
            }
        }

        return bytes.ToArray();
    }

    private static byte[] Tar(params (string Name, byte[] Bytes)[] entries)
    {
        var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, leaveOpen: true))
            foreach (var (name, content) in entries) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        return bytes.ToArray();
    }

    private static byte[] Gzip(byte[] bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return packed.ToArray();
    }

    private async Task<IReadOnlyList<FileOutcome>> Send(params byte[][] files) => await _bench.Send(SourceTrust.Modality, files);

    private static (OutcomeKind, string?)[] Kinds(IEnumerable<FileOutcome> files) => [.. files.Select(file => (file.Kind, file.Reason?.Code))];

    [Fact]
    public async Task Zip_WithGbkNames_IsOpened_NamesReadable()
    {
        var gbk = CodePagesEncodingProvider.Instance.GetEncoding(936)!;
        var files = await Send(ZipWith(gbk, ("检查/张三/影像1.dcm", Slice(1).ToBytes()), ("检查/张三/影像2.dcm", Slice(2).ToBytes())));
        Assert.Equal([(OutcomeKind.Stored, null), (OutcomeKind.Stored, null), (OutcomeKind.Opened, null)], Kinds(files));
        Assert.Equal("检查/张三/影像1.dcm", files[0].Entry);
        Assert.Equal(2, (await _bench.Study()).Instances());
        foreach (var entry in await _bench.Entries(await _bench.Study()))
            Assert.Equal(Slice(int.Parse(entry.SopInstanceUid.Split('.')[^1], System.Globalization.CultureInfo.InvariantCulture)).ToBytes(), await _bench.Bytes(entry));
    }

    [Fact]
    public async Task TarGz_ZipInTar_AreOpened_DeeperIsRejected()
    {
        var zip = Zip(("a.dcm", Slice(1).ToBytes()));
        Assert.Equal([(OutcomeKind.Stored, null), (OutcomeKind.Opened, null), (OutcomeKind.Opened, null)], Kinds(await Send(Gzip(Tar(("b/a.dcm", Slice(2).ToBytes()))))));
        Assert.Equal([(OutcomeKind.Stored, null), (OutcomeKind.Opened, null), (OutcomeKind.Opened, null)], Kinds(await Send(Tar(("x.zip", zip)))));
        Assert.Equal([(OutcomeKind.Rejected, "archive-nested"), (OutcomeKind.Opened, null), (OutcomeKind.Opened, null)], Kinds(await Send(Gzip(Tar(("x.zip", zip))))));
        Assert.Equal([(OutcomeKind.Stored, null), (OutcomeKind.Opened, null)], Kinds(await Send(Gzip(Slice(3).ToBytes()))));
    }

    [Fact]
    public async Task Zip_WithTraversalNames_StoresHarmlessly()
    {
        var files = await Send(Zip(("../../../../tmp/skylight-escape.dcm", Slice(1).ToBytes()), ("/etc/passwd", "root"u8.ToArray()), ("C:\\Windows\\x.dcm", Slice(2).ToBytes())));
        Assert.Equal([(OutcomeKind.Stored, null), (OutcomeKind.Rejected, "not-dicom"), (OutcomeKind.Stored, null), (OutcomeKind.Opened, null)], Kinds(files));
        Assert.False(File.Exists("/tmp/skylight-escape.dcm"));
        Assert.DoesNotContain(await _bench.Objects(), name => name.Contains("..", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Zip_Bomb_IsStoppedByRatio()
    {
        var files = await Send(Zip(("good.dcm", Slice(1).ToBytes()), ("bomb.dcm", Slice(2).With(file => file.Pixels = new byte[200 << 20]).ToBytes()), ("never.dcm", Slice(3).ToBytes())));
        Assert.Equal([(OutcomeKind.Stored, null), (OutcomeKind.Rejected, "archive-ratio"), (OutcomeKind.Rejected, "archive-ratio")], Kinds(files));
        Assert.Equal(1, (await _bench.Study()).Instances());
    }

    [Fact]
    public async Task Archive_OfTooManyEntries_IsStopped()
    {
        var many = Enumerable.Range(0, 60).Select(i => ($"{i}.dcm", Slice(i).ToBytes())).ToArray();
        Assert.Equal([(OutcomeKind.Rejected, "archive-too-many-entries")], Kinds(await Send(Zip([.. Enumerable.Range(0, 200).Select(i => ($"{i}", Array.Empty<byte>()))]))));
        var tar = await Send(Tar(many));
        Assert.Equal((OutcomeKind.Rejected, "archive-too-many-entries"), Kinds(tar)[^1]);
        Assert.Equal(50, tar.Count(file => file.Kind == OutcomeKind.Stored));
    }

    [Fact]
    public async Task Archive_CutShort_KeepsWhatCameBefore()
    {
        var tar = Tar(("1.dcm", Slice(1).With(file => file.Pixels = new byte[50_000]).ToBytes()), ("2.dcm", Slice(2).With(file => file.Pixels = new byte[50_000]).ToBytes()));
        var files = await Send(tar[..70_000]);
        Assert.Equal(OutcomeKind.Stored, files[0].Kind);
        Assert.Equal((OutcomeKind.Rejected, "archive-damaged"), Kinds(files)[^1]);
        Assert.Equal([(OutcomeKind.Rejected, "archive-damaged")], Kinds(await Send(Zip(("a", Slice(3).ToBytes()))[..^30])));
        var gz = Gzip(Slice(4).With(file => file.Pixels = RandomBytes(100_000)).ToBytes());
        // .NET ends a cut gzip stream silently; the file in it is seen to be cut.
        Assert.Contains(Kinds(await Send(gz[..60_000])), kind => kind.Item1 == OutcomeKind.Rejected);
    }

    [Fact]
    public async Task Zip_WithDamagedEntry_RejectsThatEntryAlone()
    {
        var zip = Zip(("1.dcm", Slice(1).With(file => file.Pixels = RandomBytes(40_000)).ToBytes()), ("2.dcm", Slice(2).ToBytes()));
        for (var i = 20_000; i < 20_050; i++) zip[i] ^= 0xFF;
        var files = await Send(zip);
        Assert.Equal([(OutcomeKind.Rejected, "archive-damaged"), (OutcomeKind.Stored, null), (OutcomeKind.Opened, null)], Kinds(files));
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("zeros")]
    [InlineData("random")]
    [InlineData("text")]
    [InlineData("deep")]
    [InlineData("huge-length")]
    public async Task Send_BadFile_IsRejectedClearly_AndTheOthersAreStored(string kind)
    {
        var bad = kind switch
        {
            "empty" => [],
            "zeros" => new byte[10_000_000],
            "random" => RandomBytes(300_000),
            "text" => "patient list, not an image\n"u8.ToArray(),
            "deep" => DeepSequence(),
            _ => [.. new byte[128], .. "DICM"u8, 0x08, 0, 0x18, 0, (byte)'O', (byte)'B', 0, 0, 0xFE, 0xFF, 0xFF, 0x7F, 1, 2, 3],
        };
        var files = await Send(Slice(1).ToBytes(), bad, Slice(2).ToBytes());
        Assert.Equal([OutcomeKind.Stored, OutcomeKind.Rejected, OutcomeKind.Stored], files.Select(file => file.Kind));
        Assert.NotEqual("", files[1].Reason!.Code);
        Assert.NotEqual(files[1].Reason!.En, files[1].Reason!.Zh);
        Assert.Equal(kind == "empty", files[1].ItemId is null);
        if (files[1].ItemId is { } id) Assert.Equal(bad, await _bench.Bytes((await _bench.Items.GetAsync(IngestBench.A, id, default))!.Value.Bytes!));
    }

    [Fact]
    public async Task Zip_OfMedium_IgnoresViewer()
    {
        var files = await Send(Zip(("DICOMDIR", DirectoryFile()), ("IMAGES/IM1", Slice(1).ToBytes()), ("VIEWER/run.exe", "MZ..."u8.ToArray()), ("AUTORUN.INF", "[autorun]"u8.ToArray()), ("help.pdf", "%PDF-1.4"u8.ToArray())));
        Assert.Equal(OutcomeKind.Stored, files.Single(file => file.Entry == "IMAGES/IM1").Kind);
        Assert.All(files.Where(file => file.Entry is "VIEWER/run.exe" or "AUTORUN.INF" or "help.pdf"), file => Assert.Equal((OutcomeKind.Ignored, "media-program"), (file.Kind, file.Reason!.Code)));
        Assert.Equal((OutcomeKind.Ignored, "dicomdir"), files.Single(file => file.Entry == "DICOMDIR") is var directory ? (directory.Kind, directory.Reason!.Code) : default);
    }

    [Fact]
    public async Task Send_DicomDirUnderAnotherName_IsIgnored() => Assert.Equal([(OutcomeKind.Ignored, "dicomdir")], Kinds(await Send(DirectoryFile())));

    private static byte[] DirectoryFile()
    {
        var file = new TestDicom { Pixels = null };
        file.Set(0x00041130, "CS", "DISC1").Set(0x00041200, "UL", "").Set(0x00041220, "SQ", "");
        return file.ToBytes();
    }

    private static byte[] DeepSequence()
    {
        var file = new MemoryStream();
        file.Write(Slice(5).With(item => item.Pixels = null).ToBytes());
        for (var i = 0; i < 5000; i++)
        {
            file.Write([0x40, 0, 0x30, 0xA7, (byte)'S', (byte)'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
            file.Write([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        }

        return file.ToArray();
    }

    private static byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        new Random(7).NextBytes(bytes);
        return bytes;
    }
}
