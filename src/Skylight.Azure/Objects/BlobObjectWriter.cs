using System.Buffers.Binary;
using System.Security.Cryptography;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Skylight.Archive.Objects;

namespace Skylight.Azure.Objects;

/// <summary>
/// One blob being written; it holds one block in memory. The blob's metadata carry a random id of the writer: when a commit meets an existing blob,
/// that id tells an object of somebody else's from the writer's own, whose answer was lost.
/// </summary>
internal sealed class BlobObjectWriter(BlobContainerClient container, string name, int blockBytes) : ObjectWriter
{
    private const string WriterKey = "writer";

    private static readonly BlobRequestConditions New = new() { IfNoneMatch = ETag.All };

    private readonly BlockBlobClient _blob = container.GetBlockBlobClient(name);
    private readonly byte[] _id = RandomNumberGenerator.GetBytes(12);
    private readonly List<string> _blocks = [];
    private readonly BlockBuffer _buffer = new();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            if (_buffer.Length == blockBytes) await StageAsync(cancellationToken);
            var take = (int)Math.Min(bytes.Length, blockBytes - _buffer.Length);
            _buffer.Append(bytes.Span[..take]);
            bytes = bytes[take..];
        }
    }

    public override async ValueTask CommitAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_blocks.Count == 0)
            {
                await _blob.UploadAsync(_buffer, new BlobUploadOptions { Conditions = New, Metadata = Metadata(), TransferValidation = Validation() }, cancellationToken);
                return;
            }

            if (_buffer.Length > 0) await StageAsync(cancellationToken);
            await _blob.CommitBlockListAsync(_blocks, new CommitBlockListOptions { Conditions = New, Metadata = Metadata() }, cancellationToken);
        }
        catch (RequestFailedException error) when (error.Status is 409 or 412 || error.ErrorCode == BlobErrorCode.InvalidBlockList)
        {
            if (await WriterAsync(cancellationToken) is not { } writer) throw BlobFaults.Of(error, name);
            if (writer != Convert.ToHexStringLower(_id)) throw new ObjectExistsException(name);
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    public override ValueTask DisposeAsync() => _buffer.DisposeAsync();

    /// <summary>MD5, which the service checks on arrival.</summary>
    private static UploadTransferValidationOptions Validation() => new() { ChecksumAlgorithm = StorageChecksumAlgorithm.MD5 };

    private async ValueTask StageAsync(CancellationToken cancellationToken)
    {
        // All ids of a blob's blocks have one length. The writer's id keeps two writers of one name apart.
        Span<byte> id = stackalloc byte[_id.Length + 4];
        _id.CopyTo(id);
        BinaryPrimitives.WriteInt32BigEndian(id[_id.Length..], _blocks.Count);
        var block = Convert.ToBase64String(id);
        try
        {
            await _blob.StageBlockAsync(block, _buffer, new BlockBlobStageBlockOptions { TransferValidation = Validation() }, cancellationToken);
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }

        _blocks.Add(block);
        _buffer.Clear();
    }

    /// <summary>Id of the writer of the blob that is there; null when there is none. Empty for a blob of another make.</summary>
    private async ValueTask<string?> WriterAsync(CancellationToken cancellationToken)
    {
        try
        {
            var properties = await _blob.GetPropertiesAsync(cancellationToken: cancellationToken);
            return properties.Value.Metadata.TryGetValue(WriterKey, out var writer) ? writer : "";
        }
        catch (RequestFailedException error) when (BlobFaults.IsMissing(error))
        {
            return null;
        }
    }

    private Dictionary<string, string> Metadata() => new() { [WriterKey] = Convert.ToHexStringLower(_id) };
}
