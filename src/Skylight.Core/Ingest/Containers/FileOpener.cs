using System.Formats.Tar;
using System.IO.Compression;
using Skylight.Dicom;

namespace Skylight.Core.Ingest.Containers;

/// <summary>
/// Finds the DICOM files in one uploaded file: the file itself, or the entries of an archive, read as streams. Names inside archives are labels, never paths.
/// An archive may hold archives (so <c>.tar.gz</c> is two), but no deeper.
/// </summary>
internal sealed class FileOpener(IngestBatch batch, IngestName name)
{
    private const int MaxDepth = 2;
    private const int MaxDirectoryBytes = 64 << 20;

    private static readonly ReadOptions s_lenient = new() { AllowTruncated = true };

    private ArchiveBudget? _budget;
    private bool _onMedium = name.OnMedium;

    private string Label => name.Path ?? name.Name;

    public async ValueTask AddAsync(Stream content, CancellationToken cancellationToken)
    {
        long? length = content.CanSeek ? content.Length - content.Position : null;
        _budget = new ArchiveBudget(batch.Service.Options, length);
        await AddAsync(content, null, 0, cancellationToken);
    }

    /// <param name="entry">Path inside the uploaded file; null for that file itself.</param>
    private async ValueTask AddAsync(Stream content, string? entry, int depth, CancellationToken cancellationToken)
    {
        PeekedStream peeked;
        try
        {
            peeked = await PeekedStream.CreateAsync(content, FileKinds.HeadBytes, cancellationToken);
        }
        catch (FileRefusedException refused)
        {
            Add(entry, OutcomeKind.Rejected, refused.Reason);
            return;
        }

        await using var owned = peeked;
        var kind = FileKinds.Of(peeked.Head.Span);
        var path = entry ?? Label;
        if (kind is FileKind.Other && peeked.Head.Length > 0 && MediaFiles.IsProgram(path, _onMedium)) Add(entry, OutcomeKind.Ignored, IngestReasons.MediaProgram);
        else if (kind is FileKind.Zip or FileKind.Gzip or FileKind.Tar && depth >= MaxDepth) Add(entry, OutcomeKind.Rejected, IngestReasons.ArchiveNested);
        else if (kind is FileKind.Zip) await WithSeekableAsync(content, peeked, entry, zip => AddZipAsync(zip, entry, depth, cancellationToken), cancellationToken);
        else if (kind is FileKind.Gzip) await AddGzipAsync(peeked, entry, depth, cancellationToken);
        else if (kind is FileKind.Tar) await AddTarAsync(peeked, entry, depth, cancellationToken);
        else if (MediaFiles.IsDirectory(path)) await AddDirectoryAsync(peeked, entry, cancellationToken);
        else await batch.AddAsync(peeked, name, entry, null, cancellationToken);
    }

    private async Task AddZipAsync(Stream zip, string? entry, int depth, CancellationToken cancellationToken)
    {
        var (directory, refusal) = await ZipDirectory.OpenAsync(zip, batch.Service.Options.MaxArchiveEntries, cancellationToken);
        if (directory is null)
        {
            Add(entry, OutcomeKind.Rejected, refusal);
            return;
        }

        await ReadArchiveAsync(entry, async paths =>
        {
            await using var archive = await ZipArchive.CreateAsync(directory, ZipArchiveMode.Read, leaveOpen: true, ZipNames.Instance, cancellationToken);
            _onMedium |= archive.Entries.Any(item => MediaFiles.IsDirectory(item.FullName));
            foreach (var item in archive.Entries)
            {
                // A name that ends in a separator is a folder.
                if (item.FullName.EndsWith('/') || item.FullName.EndsWith('\\')) continue;
                _budget!.Entry();
                paths.Add(item.FullName);
                await using var bytes = await item.OpenAsync(cancellationToken);
                await AddEntryAsync(bytes, item.Crc32, item.FullName, entry, depth, cancellationToken);
                if (_budget.Exceeded is not null) return;
            }
        });
    }

    private async Task AddTarAsync(Stream tar, string? entry, int depth, CancellationToken cancellationToken) =>
        await ReadArchiveAsync(entry, async paths =>
        {
            await using var reader = new TarReader(tar, leaveOpen: true);
            while (await reader.GetNextEntryAsync(copyData: false, cancellationToken) is { } item)
            {
                if (item.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile)) continue;
                _budget!.Entry();
                paths.Add(item.Name);
                _onMedium |= MediaFiles.IsDirectory(item.Name);
                await AddEntryAsync(item.DataStream ?? Stream.Null, null, item.Name, entry, depth, cancellationToken);
                if (_budget.Exceeded is not null) return;
            }
        });

    private async Task AddGzipAsync(Stream packed, string? entry, int depth, CancellationToken cancellationToken)
    {
        var path = entry ?? Label;
        var inner = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3]
            : path.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase) ? path[..^4] + ".tar"
            : path;
        await ReadArchiveAsync(entry, async _ =>
        {
            _budget!.Entry();
            await using var unpacked = new GZipStream(packed, CompressionMode.Decompress, leaveOpen: true);
            await AddAsync(new EntryStream(unpacked, _budget), inner, depth + 1, cancellationToken);
        });
    }

    private async ValueTask AddEntryAsync(Stream bytes, uint? crc, string path, string? within, int depth, CancellationToken cancellationToken) =>
        await AddAsync(new EntryStream(bytes, _budget!, crc), within is null ? path : $"{within}/{path}", depth + 1, cancellationToken);

    /// <summary>Reads an archive and reports it: opened, or rejected as far as it could not be read. What was taken from it before stays taken.</summary>
    private async Task ReadArchiveAsync(string? entry, Func<List<string>, Task> read)
    {
        var paths = new List<string>();
        var directories = batch.MediaDirectories.Count;
        IngestReason? reason = null;
        try
        {
            await read(paths);
            reason = _budget!.Exceeded;
        }
        catch (FileRefusedException refused)
        {
            reason = refused.Reason;
        }
        catch (Exception error) when (EntryStream.IsDamage(error))
        {
            reason = IngestReasons.ArchiveDamaged;
        }

        // What a DICOMDIR of this archive names must be in this archive.
        foreach (var directory in batch.TakeMediaDirectories(directories))
            foreach (var missing in directory.MissingFrom(paths.Select(path => entry is null ? path : $"{entry}/{path}")))
                Add($"{MediaFiles.FolderOf(directory.Path)}{missing}", OutcomeKind.Rejected, IngestReasons.MissingReference);
        Add(entry, reason is null ? OutcomeKind.Opened : OutcomeKind.Rejected, reason);
    }

    /// <summary>A DICOMDIR is read for the files that it names, and is itself no instance.</summary>
    private async Task AddDirectoryAsync(Stream content, string? entry, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int count;
        try
        {
            while ((count = await content.ReadAsync(buffer, cancellationToken)) > 0)
                if (bytes.Length + count <= MaxDirectoryBytes) bytes.Write(buffer, 0, count);
            var references = DicomDir.Read(DicomFile.Read(bytes.GetBuffer().AsSpan(0, (int)bytes.Length), s_lenient).Dataset).Files.Select(file => file.Path!);
            batch.AddMediaDirectory(new MediaDirectory(entry ?? Label, [.. references]));
        }
        catch (FileRefusedException refused)
        {
            Add(entry, OutcomeKind.Rejected, refused.Reason);
            return;
        }
        catch (DicomFormatException)
        {
            // A directory that cannot be read hides nothing: the files themselves are what is taken in.
        }

        Add(entry, OutcomeKind.Ignored, IngestReasons.DicomDir);
    }

    /// <summary>ZIP directories are at the end: a stream that cannot seek (an archive within an archive) is put into a file that has no name.</summary>
    private async Task WithSeekableAsync(Stream content, PeekedStream peeked, string? entry, Func<Stream, Task> read, CancellationToken cancellationToken)
    {
        if (content.CanSeek)
        {
            content.Position = 0;
            await read(content);
            return;
        }

        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.Asynchronous,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        // Gone from the folder at once: the bytes go with the handle, also when the process is killed.
        File.Delete(path);
        try
        {
            await peeked.CopyToAsync(file, cancellationToken);
        }
        catch (FileRefusedException refused)
        {
            Add(entry, OutcomeKind.Rejected, refused.Reason);
            return;
        }

        file.Position = 0;
        await read(file);
    }

    private void Add(string? entry, OutcomeKind kind, IngestReason? reason) =>
        batch.AddOutcome(new FileOutcome { Name = name.Name, Entry = entry, Kind = kind, Reason = reason });
}
