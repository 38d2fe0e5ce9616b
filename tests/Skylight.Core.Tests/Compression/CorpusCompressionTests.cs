using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Compression;

/// <summary>Real files, odd ones on purpose, and files made up at random: each comes back byte for byte, compressed or left alone.</summary>
public sealed class CorpusCompressionTests
{
    [Theory]
    [InlineData("jpeg-ls")]
    [InlineData("jpeg2000")]
    public async Task Compress_EveryFileOfTheCorpus_ComesBackOrIsLeftAlone(string codec)
    {
        var corpus = Corpus();
        if (corpus is null) Assert.Skip("The corpus (shared/corpus beside the repository) is not on this machine.");
        CompressionBench.Usable(codec);
        await using var bench = new IngestBench();
        var compression = new CompressionBench(bench);
        await using (var batch = bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(SourceTrust.Other), null)))
        {
            foreach (var path in Directory.GetFiles(Path.Combine(corpus, "files")).Order(StringComparer.Ordinal))
            {
                await using var file = File.OpenRead(path);
                await batch.AddFileAsync(file, new IngestName(Path.GetFileName(path)), default);
            }

            await batch.CommitAsync(default);
        }

        await compression.PolicyAsync(codec);
        var coded = 0;
        foreach (var key in await bench.Catalog.ListStudyKeysAsync(IngestBench.A, "", 1000, default))
        {
            coded += (await compression.CompressAsync(key)).Coded;
            foreach (var entry in await bench.Entries((await bench.Catalog.GetStudyByKeyAsync(IngestBench.A, key, default))!.Value)) await compression.SameAsync(entry);
        }

        Assert.InRange(coded, 15, 80);
        Assert.Empty((await compression.VerifyAsync()).Findings);
    }

    [Theory]
    [InlineData("jpeg-ls", 60)]
    [InlineData("jpeg2000", 25)]
    public async Task Compress_FilesOfEveryShape_ComeBack(string codec, int files)
    {
        CompressionBench.Usable(codec);
        await using var bench = new IngestBench();
        var compression = new CompressionBench(bench);
        for (var seed = 0; seed < files; seed++) await bench.SendOne(RandomFile(new Random(seed), seed));
        await compression.PolicyAsync(codec);
        var tally = await compression.CompressAsync();
        Assert.InRange(tally.Coded, files / 3, files);
        foreach (var entry in await bench.Entries(await bench.Study())) await compression.SameAsync(entry);
        Assert.Empty((await compression.VerifyAsync()).Findings);
    }

    /// <summary>Bits stored 1 to 16, signed or not, high bits with overlays or rubbish, colour by pixel and by plane, several frames, odd lengths, cut or with more behind.</summary>
    private static TestDicom RandomFile(Random random, int number)
    {
        var allocated = random.Next(2) == 0 ? 8 : 16;
        var stored = random.Next(1, allocated + 1);
        var (rows, columns, frames, samples) = (random.Next(1, 80), random.Next(1, 80), random.Next(1, 5), random.Next(4) == 0 ? 3 : 1);
        var count = rows * columns * frames * samples;
        var pixels = new byte[(count * allocated / 8) + (random.Next(3) == 0 ? random.Next(50) : 0)];
        var junk = random.Next(4);
        for (var i = 0; i < count; i++)
        {
            var value = (int)(((Math.Sin(i / 50.0) + 1) * ((1 << stored) - 1) / 2) + random.Next(2)) & ((1 << stored) - 1);
            if (junk == 1 && i / 30 % 3 == 0) value |= 1 << (allocated - 1);
            if (junk == 2) value |= random.Next() << stored;
            if (junk == 3) value = (value << (32 - stored)) >> (32 - stored);
            pixels[i * allocated / 8] = (byte)value;
            if (allocated == 16) pixels[(i * 2) + 1] = (byte)(value >> 8);
        }

        return TestDicom.Ct(sop: FormattableString.Invariant($"1.2.3.1.{number}")).With(file => file.Pixels = pixels)
            .Us(0x00280002, (ushort)samples).Set(0x00280004, "CS", samples == 3 ? "RGB" : "MONOCHROME2").Us(0x00280006, (ushort)random.Next(2))
            .Set(0x00280008, "IS", frames.ToString(System.Globalization.CultureInfo.InvariantCulture)).Us(0x00280010, (ushort)rows).Us(0x00280011, (ushort)columns)
            .Us(0x00280100, (ushort)allocated).Us(0x00280101, (ushort)stored).Us(0x00280102, (ushort)(stored - 1)).Us(0x00280103, (ushort)random.Next(2));
    }

    private static string? Corpus()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var corpus = Path.Combine(folder.FullName, "shared", "corpus");
            if (Directory.Exists(corpus)) return corpus;
        }

        return null;
    }
}
