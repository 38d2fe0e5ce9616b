using Skylight.Archive;

namespace Skylight.Core.Ingest.Containers;

/// <summary>The bytes of one archive entry, counted against the budget. Damage in the archive refuses the file instead of failing the batch.</summary>
/// <param name="crc">CRC-32 that the archive names; null where it names none.</param>
internal sealed class EntryStream(Stream inner, ArchiveBudget budget, uint? crc = null) : ReadOnlyStream
{
    private Crc32 _crc = new();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count;
        try
        {
            count = await inner.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception error) when (IsDamage(error))
        {
            throw new FileRefusedException(IngestReasons.ArchiveDamaged);
        }

        budget.Bytes(count);
        if (crc is null || buffer.IsEmpty) return count;
        if (count > 0) _crc.Append(buffer.Span[..count]);
        else if (_crc.Value != crc) throw new FileRefusedException(IngestReasons.ArchiveDamaged);
        return count;
    }

    /// <summary>What the archive readers of .NET throw about bytes that are not what they should be.</summary>
    public static bool IsDamage(Exception error) =>
        error is InvalidDataException or EndOfStreamException or FormatException or OverflowException;
}
