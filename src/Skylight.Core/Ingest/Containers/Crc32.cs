using System.Buffers.Binary;

namespace Skylight.Core.Ingest.Containers;

/// <summary>CRC-32 of ZIP (APPNOTE 4.4.7, reflected 0xEDB88320), eight bytes a step. The ZIP reader of .NET does not check it.</summary>
internal struct Crc32()
{
    private static readonly uint[][] s_tables = Tables();
    private uint _state = uint.MaxValue;

    public readonly uint Value => ~_state;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        var state = _state;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ state;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            state = s_tables[7][low & 0xFF] ^ s_tables[6][(low >> 8) & 0xFF] ^ s_tables[5][(low >> 16) & 0xFF] ^ s_tables[4][low >> 24]
                ^ s_tables[3][high & 0xFF] ^ s_tables[2][(high >> 8) & 0xFF] ^ s_tables[1][(high >> 16) & 0xFF] ^ s_tables[0][high >> 24];
        }

        foreach (var value in bytes) state = s_tables[0][(state ^ value) & 0xFF] ^ (state >> 8);
        _state = state;
    }

    private static uint[][] Tables()
    {
        var tables = new uint[8][];
        for (var t = 0; t < 8; t++) tables[t] = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
            tables[0][i] = value;
        }

        for (var t = 1; t < 8; t++)
            for (var i = 0; i < 256; i++) tables[t][i] = tables[0][tables[t - 1][i] & 0xFF] ^ (tables[t - 1][i] >> 8);
        return tables;
    }
}
