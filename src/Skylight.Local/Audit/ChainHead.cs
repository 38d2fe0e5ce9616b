using Skylight.Core.Audit;

namespace Skylight.Local.Audit;

/// <summary>The newest durable entry of one chain as this process knows it. Only the writer extends it.</summary>
internal sealed class ChainHead(string institution, long sequence, byte[] hash, byte[] key)
{
    private readonly Lock _lock = new();
    private long _sequence = sequence;
    private byte[] _hash = hash;
    private long _inFile = sequence;
    private long _inLog = sequence;

    // What the transaction that is being written has come to; the writer's own.
    private long _nextSequence;
    private byte[] _nextHash = hash;

    public string Institution => institution;

    public byte[] Key => key;

    /// <summary>A transaction begins at what is durable.</summary>
    public void Begin() => (_nextSequence, _nextHash) = (_sequence, _hash);

    /// <summary>The place of the next entry in the transaction.</summary>
    public (long Sequence, byte[] Previous, byte[] Hash) Extend(ReadOnlySpan<byte> body)
    {
        var previous = _nextHash;
        _nextSequence++;
        _nextHash = AuditChain.Hash(previous, institution, _nextSequence, body);
        return (_nextSequence, previous, _nextHash);
    }

    /// <summary>The transaction is durable.</summary>
    public void Commit()
    {
        lock (_lock) (_sequence, _hash) = (_nextSequence, _nextHash);
    }

    public bool TakeForFile(out (long Sequence, byte[] Hash, byte[] Key) head) => Take(ref _inFile, out head);

    public bool TakeForLog(out (long Sequence, byte[] Hash, byte[] Key) head) => Take(ref _inLog, out head);

    private bool Take(ref long written, out (long Sequence, byte[] Hash, byte[] Key) head)
    {
        lock (_lock)
        {
            head = (_sequence, _hash, key);
            if (written == _sequence) return false;
            written = _sequence;
            return true;
        }
    }
}
