using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Skylight.Dicom;

/// <summary>Appends the stored values of one encapsulated frame to a digest; false where the frame cannot be decoded.</summary>
public delegate bool FrameDigester(ReadOnlySpan<byte> frame, IncrementalHash digest);

/// <summary>
/// Encapsulated frames put together while their fragments go by, one at a time, and given to a decoder whose values are hashed. What cannot be told apart or
/// decoded ends it: there is then no such digest. Memory is one encoded frame and what the decoder takes.
/// </summary>
internal sealed class FrameAssembler(FrameDigester decode, int frames, int maxFrameBytes) : IDisposable
{
    private readonly IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly MemoryStream _frame = new();
    private readonly MemoryStream _table = new();
    private uint[]? _starts;
    private bool _failed, _inTable;
    private long _first = -1;
    private int _done;
    private int _begun;

    public void Begin(int index, long position)
    {
        _inTable = index == 0;
        if (_inTable || _failed) return;
        if (index == 1)
        {
            _first = position;
            ReadTable();
        }

        // A frame per fragment where no table says otherwise: those that break a frame up without a table are not told apart here.
        var starts = index == 1 || (_starts is null ? frames > 1 : _begun < frames && position - _first == _starts[_begun]);
        if (!starts) return;
        if (_begun > 0) Finish();
        _begun++;
        if (_begun > frames) _failed = true;
    }

    public void Chunk(ReadOnlySpan<byte> bytes)
    {
        if (_failed) return;
        var to = _inTable ? _table : _frame;
        if (to.Length + bytes.Length > (_inTable ? Math.Max(4L * frames, 8) : maxFrameBytes)) _failed = true;
        else to.Write(bytes);
    }

    /// <summary>The digest over all frames, padded as a native value would be; null when it could not be made.</summary>
    public byte[]? End()
    {
        if (!_failed && _begun > 0) Finish();
        return _failed || _done != frames ? null : _digest.GetHashAndReset();
    }

    public void Dispose()
    {
        _digest.Dispose();
        _frame.Dispose();
        _table.Dispose();
    }

    private void Finish()
    {
        _failed |= !decode(_frame.GetBuffer().AsSpan(0, (int)_frame.Length), _digest);
        _frame.SetLength(0);
        _done++;
    }

    private void ReadTable()
    {
        if (_table.Length != 4L * frames || frames == 1) return;
        _starts = new uint[frames];
        for (var i = 0; i < frames; i++) _starts[i] = BinaryPrimitives.ReadUInt32LittleEndian(_table.GetBuffer().AsSpan(4 * i));
    }
}
