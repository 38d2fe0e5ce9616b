using System.Globalization;
using System.IO.Compression;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Benchmarks.Dicom;
using Skylight.Core.Compression;
using Skylight.Dicom;
using Skylight.Local.Objects;

namespace Skylight.Benchmarks.Compression;

/// <summary>
/// <c>./dev bench compression</c>: what compression at rest saves and costs, by modality, beside gzip and Brotli of the whole files. Files are those of the folders that are named, or
/// invented ones. Times are processor time, everything included: reading, unsealing, coding, sealing, fsync, and the proof.
/// </summary>
internal static class CompressionBench
{
    private const double MiB = 1 << 20;

    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments.Any(argument => argument.StartsWith('-')))
        {
            Console.Error.WriteLine("usage: ./dev bench compression [FOLDER…]");
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("skylight-bench-").FullName;
        try
        {
            string[] paths = arguments.Length == 0
                ? [PixelFiles.Ct(folder), PixelFiles.Cr(folder), PixelFiles.Colour(folder)]
                : [.. arguments.SelectMany(path => Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal)];
            Console.WriteLine($"{"",-10} {"files",6} {"MiB",8}  {"by",-9} {"kept %",7} {"write ms/MiB",13} {"read ms/MiB",12}");
            foreach (var group in paths.Select(path => Load(path, invented: arguments.Length == 0)).OfType<Sample>().GroupBy(sample => sample.Group).OrderBy(group => group.Key, StringComparer.Ordinal))
                await GroupAsync(Path.Combine(folder, "objects"), group.Key, [.. group]);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task GroupAsync(string folder, string name, Sample[] samples)
    {
        var bytes = samples.Sum(sample => (long)sample.Bytes.Length) / MiB;
        void Line(string by, double kept, double write, double read) =>
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-10} {samples.Length,6} {bytes,8:F1}  {by,-9} {100 * kept / bytes / MiB,7:F1} {write / bytes,13:F1} {read / bytes,12:F1}"));
        foreach (var codec in Pictures.Codecs().All.Prepend(null))
        {
            if (codec?.Missing is not null) continue;
            // Once to have everything compiled and mapped.
            await ArchiveAsync(folder, samples[..1], codec);
            var (kept, write, read) = await ArchiveAsync(folder, samples, codec);
            Line(codec?.Name ?? "as it is", kept, write, read);
        }

        foreach (var (by, compress) in ((string, Func<Stream, Stream>)[])[
            ("gzip", to => new GZipStream(to, CompressionLevel.Optimal, leaveOpen: true)), ("brotli 5", to => new BrotliStream(to, new BrotliCompressionOptions { Quality = 5 }, leaveOpen: true))])
        {
            var (write, packed) = Cpu(() => samples.Select(sample => Pack(sample.Bytes, compress)).ToArray());
            var (read, _) = Cpu(() => packed.Select(item => Unpack(item, by)).Sum());
            Line(by, packed.Sum(item => (long)item.Length), write, read);
        }
    }

    /// <summary>Bytes that a series takes, and the processor time to rewrite it and to read it.</summary>
    private static async Task<(double Kept, double Write, double Read)> ArchiveAsync(string folder, Sample[] samples, IPictureCodec? codec)
    {
        var store = FolderObjectStore.Open(folder, new FolderObjectStoreOptions { MinFreeBytes = 0 }, TimeProvider.System);
        using var key = DataKey.Create();
        var packs = new PackReader(store, key, Pictures.Codecs());
        var regions = new PixelRegions(packs);
        var part = await StoreAsync(store, key, samples);
        var coding = codec is null ? null : new SeriesCoding(codec, regions.FindAsync);
        var before = Now();
        var result = await new SeriesCompactor(store, key, packs, SealOptions.Default) { Coding = coding }.CompactAsync(Folder, key, [part], default);
        var write = Now() - before;
        var index = await SeriesIndex.ReadAsync(store, result.Parts.Count == 0 ? part.Index : result.Parts[0].Index.Name, key, default);
        var entries = result.Parts.Count > 1 ? throw new InvalidOperationException("A group has more than 512 MiB.") : index.Entries;
        before = Now();
        foreach (var entry in entries)
        {
            await using var file = await packs.OpenStreamAsync(entry, default);
            await file.CopyToAsync(Stream.Null);
        }

        return (entries.Sum(entry => entry.StoredLength), write, Now() - before);
    }

    private const string Folder = "hospital-a/abcdefghijklmnopqrstuvwxyz234567";

    private static async Task<SeriesParts> StoreAsync(FolderObjectStore store, DataKey key, Sample[] samples)
    {
        await using var pack = PackWriter.Create(store, Folder, key, SealOptions.Default, keepBytes: 0);
        var entries = new List<IndexEntry>();
        foreach (var sample in samples)
        {
            entries.Add(sample.Entry with { Offset = pack.Position });
            await pack.AppendAsync(sample.Bytes, default);
        }

        var (reference, _) = await pack.CommitAsync(default);
        var index = new SeriesIndex([.. entries.Select(entry => entry with { Pack = reference })]).Seal(Folder, key, SealOptions.Default);
        using (index.Object) await index.Object.StoreAsync(store, default);
        var metadata = new SeriesMetadataBuilder().Seal(Folder, key, SealOptions.Default);
        using (metadata.Object) await metadata.Object.StoreAsync(store, default);
        return new SeriesParts(index.Reference.Name, metadata.Reference.Name);
    }

    /// <summary>A file with what its index entry would say; null for one that is no DICOM file.</summary>
    private static Sample? Load(string path, bool invented)
    {
        var bytes = File.ReadAllBytes(path);
        using var inspector = new InstanceInspector(InspectOptions.Default with { AllowTruncated = true });
        try
        {
            inspector.Append(bytes);
            var inspected = inspector.Complete();
            var syntax = inspected.FileMeta.GetString(DicomTags.TransferSyntaxUID)?.Trim('\0', ' ') ?? inspected.Syntax.Uid;
            var entry = new IndexEntry
            {
                SopInstanceUid = path, SopClassUid = "", TransferSyntaxUid = syntax, Pack = new SealedReference("", 0), Offset = 0, Length = bytes.Length, FileSha256 = inspected.FileSha256,
                DatasetDigest = inspected.DatasetDigest, Frames = inspected.Frames.Count, FrameTable = inspected.Frames.ToBytes(), Current = true, Revision = 1,
            };
            var modality = invented ? null : inspected.Dataset.GetString(DicomTags.Modality)?.Trim('\0', ' ');
            return inspected.Syntax.IsEncapsulated || inspected.Frames.Count == 0 ? null : new Sample(string.IsNullOrEmpty(modality) ? Path.GetFileNameWithoutExtension(path) : modality, bytes, entry);
        }
        catch (DicomFormatException)
        {
            return null;
        }
    }

    private static byte[] Pack(byte[] bytes, Func<Stream, Stream> compress)
    {
        using var packed = new MemoryStream();
        using (var stream = compress(packed)) stream.Write(bytes);
        return packed.ToArray();
    }

    private static long Unpack(byte[] packed, string by)
    {
        var plain = new MemoryStream();
        using Stream stream = by == "gzip" ? new GZipStream(new MemoryStream(packed), CompressionMode.Decompress) : new BrotliStream(new MemoryStream(packed), CompressionMode.Decompress);
        stream.CopyTo(plain);
        return plain.Length;
    }

    private static (double Milliseconds, T Result) Cpu<T>(Func<T> work)
    {
        var before = Now();
        var result = work();
        return (Now() - before, result);
    }

    private static double Now()
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        return self.TotalProcessorTime.TotalMilliseconds;
    }

    private sealed record Sample(string Group, byte[] Bytes, IndexEntry Entry);
}
