using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace Skylight.Cli.Upload;

/// <summary>
/// Sends files: small ones in one request each, large ones in blocks, at most so many requests at a time over all files. A file is read once,
/// hashed on the way, and at most that many blocks of it are in memory.
/// </summary>
internal sealed class UploadSender(BlobContainerClient container, UploadJournal journal, UploadSettings settings, int blockBytes) : IDisposable
{
    /// <summary>The protocol's limit on blocks in a blob.</summary>
    private const int MaxBlocks = 50_000;
    private static readonly UploadTransferValidationOptions Checked = new() { ChecksumAlgorithm = StorageChecksumAlgorithm.MD5 };
    private readonly SemaphoreSlim _requests = new(settings.Parallel);

    /// <summary>Sends what is not in <paramref name="arrived"/>, and answers the manifest.</summary>
    public async Task<IReadOnlyList<ManifestLine>> SendAsync(
        IReadOnlyList<UploadFile> files, IReadOnlyDictionary<string, Arrived> arrived, IUploadObserver observer, CancellationToken cancellationToken)
    {
        var lines = new ConcurrentBag<ManifestLine>();
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = settings.Parallel, CancellationToken = cancellationToken }, async (file, token) =>
        {
            var name = journal.NameOf(file);
            arrived.TryGetValue(name, out var there);
            if (there is { Committed: true } && there.Size == file.Length && journal.DigestOf(file) is { } known)
            {
                observer.Sent(file.Length, resumed: true);
                observer.FileDone();
                lines.Add(new ManifestLine(name, file.Path, file.Length, known));
                return;
            }

            var digest = await SendAsync(file, name, there?.Blocks ?? [], observer, token);
            journal.Arrived(file, digest);
            observer.FileDone();
            lines.Add(new ManifestLine(name, file.Path, file.Length, digest));
        });
        return [.. lines.OrderBy(l => l.Path, StringComparer.Ordinal)];
    }

    public void Dispose() => _requests.Dispose();

    private async Task<string> SendAsync(UploadFile file, string name, IReadOnlyList<ArrivedBlock> there, IUploadObserver observer, CancellationToken cancellationToken)
    {
        await using var stream = new FileStream(file.FullPath, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read, Options = FileOptions.SequentialScan | FileOptions.Asynchronous, BufferSize = 0 });
        if (stream.Length != file.Length) throw Changed(file);
        var blob = container.GetBlockBlobClient(name);
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // Larger blocks where the file would need too many.
        var size = (int)Math.Max(blockBytes, (file.Length + MaxBlocks - 1) / MaxBlocks);
        if (file.Length <= size)
        {
            var whole = ArrayPool<byte>.Shared.Rent((int)file.Length);
            try
            {
                await ReadAsync(stream, whole.AsMemory(0, (int)file.Length), file, cancellationToken);
                digest.AppendData(whole, 0, (int)file.Length);
                await LimitedAsync(
                    () => blob.UploadAsync(new MemoryStream(whole, 0, (int)file.Length, writable: false), new BlobUploadOptions { TransferValidation = Checked }, cancellationToken), cancellationToken);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(whole);
            }

            observer.Sent(file.Length, resumed: false);
            return Convert.ToHexStringLower(digest.GetHashAndReset());
        }

        await SendBlocksAsync(stream, blob, file, size, there.ToDictionary(b => b.Id, b => b.Size, StringComparer.Ordinal), digest, observer, cancellationToken);
        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }

    private async Task SendBlocksAsync(
        FileStream stream, BlockBlobClient blob, UploadFile file, int size, Dictionary<string, long> there, IncrementalHash digest, IUploadObserver observer, CancellationToken cancellationToken)
    {
        var ids = new List<string>();
        var staging = new List<Task>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            for (long position = 0; position < file.Length; position += size)
            {
                var count = (int)Math.Min(size, file.Length - position);
                var id = BlockId(file, size, ids.Count);
                ids.Add(id);
                await _requests.WaitAsync(stop.Token);
                var buffer = ArrayPool<byte>.Shared.Rent(count);
                var taken = false;
                try
                {
                    await ReadAsync(stream, buffer.AsMemory(0, count), file, stop.Token);
                    digest.AppendData(buffer, 0, count);
                    if (there.GetValueOrDefault(id) == count)
                    {
                        observer.Sent(count, resumed: true);
                        continue;
                    }

                    staging.Add(StageAsync(blob, id, buffer, count, observer, stop));
                    taken = true;
                }
                finally
                {
                    if (!taken)
                    {
                        ArrayPool<byte>.Shared.Return(buffer);
                        _requests.Release();
                    }
                }
            }
        }
        finally
        {
            // A block that failed ends the others, and its own error is the one to tell.
            await Task.WhenAll(staging);
        }

        if (new FileInfo(file.FullPath) is var now && (now.Length != file.Length || now.LastWriteTimeUtc.Ticks != file.Modified)) throw Changed(file);
        await LimitedAsync(() => blob.CommitBlockListAsync(ids, cancellationToken: cancellationToken), cancellationToken);
    }

    private async Task StageAsync(BlockBlobClient blob, string id, byte[] buffer, int count, IUploadObserver observer, CancellationTokenSource stop)
    {
        try
        {
            await blob.StageBlockAsync(id, new MemoryStream(buffer, 0, count, writable: false), new BlockBlobStageBlockOptions { TransferValidation = Checked }, stop.Token);
            observer.Sent(count, resumed: false);
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            _requests.Release();
        }
    }

    private async Task LimitedAsync(Func<Task> request, CancellationToken cancellationToken)
    {
        await _requests.WaitAsync(cancellationToken);
        try
        {
            await request();
        }
        finally
        {
            _requests.Release();
        }
    }

    /// <summary>Tells the version of the file, the size of its blocks and the block's place: a staged block is only taken for what it is.</summary>
    private static string BlockId(UploadFile file, int size, int index)
    {
        Span<byte> id = stackalloc byte[16];
        SHA256.HashData(Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{file.Length} {file.Modified} {size}"))).AsSpan(0, 12).CopyTo(id);
        BinaryPrimitives.WriteInt32BigEndian(id[12..], index);
        return Convert.ToBase64String(id);
    }

    private static async Task ReadAsync(FileStream stream, Memory<byte> buffer, UploadFile file, CancellationToken cancellationToken)
    {
        if (await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken) < buffer.Length) throw Changed(file);
    }

    private static CliException Changed(UploadFile file) => new(ExitCode.Partial, $"'{file.Path}' changed while it was sent. The same command sends it again.");
}

/// <summary>Hears how the upload goes. Called from many threads.</summary>
internal interface IUploadObserver
{
    void Sent(long bytes, bool resumed);

    void FileDone();
}
