using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Skylight.Imaging.Codecs.Native;

/// <summary>JPEG 2000 part 1 and high-throughput JPEG 2000 (part 15) by OpenJPEG 2; of JP2 files the code stream.</summary>
internal static unsafe partial class OpenJpeg
{
    private static readonly bool Available = NativeLibraryLoader.Has(NativeLibraryLoader.OpenJpeg);

    /// <returns>The photometric interpretation of what was written: component transforms of the stream are undone.</returns>
    public static string Decode(ReadOnlySpan<byte> source, PixelLayout layout, Span<byte> destination, bool highThroughput)
    {
        if (!Available) NativeLibraryLoader.Need(NativeLibraryLoader.OpenJpeg);
        source = Jpeg2000Header.CodeStream(source);
        Jpeg2000Header.Check(source, layout, highThroughput);
        var codec = opj_create_decompress(0);
        if (codec == 0) throw new PixelDataException(PixelDataError.BadStream, "OpenJPEG cannot start a decoder.");
        IntPtr stream = 0;
        Image* image = null;
        try
        {
            // opj_dparameters_t has 8,252 bytes in 2.5; room to spare for a later one.
            var parameters = stackalloc byte[16384];
            opj_set_default_decoder_parameters(parameters);
            if (opj_setup_decoder(codec, parameters) == 0) throw new PixelDataException(PixelDataError.BadStream, "OpenJPEG refuses its default parameters.");
            fixed (byte* from = source)
            {
                var memory = new Memory { Data = from, Length = source.Length };
                stream = Open(&memory, input: true);
                if (opj_read_header(stream, codec, &image) == 0) throw new PixelDataException(PixelDataError.BadStream, "The JPEG 2000 header is damaged.");
                // Before anything is decoded: what the header declares decides how much the library allocates.
                CheckHeader(image, layout);
                if (opj_decode(codec, stream, image) == 0) throw new PixelDataException(PixelDataError.BadStream, "The JPEG 2000 code stream is damaged.");
                CheckHeader(image, layout);
                Store(image, layout, destination);
            }

            return layout.SamplesPerPixel == 3 && layout.Photometric is "YBR_RCT" or "YBR_ICT" ? "RGB" : layout.Photometric;
        }
        finally
        {
            if (image != null) opj_image_destroy(image);
            if (stream != 0) opj_stream_destroy(stream);
            opj_destroy_codec(codec);
        }
    }

    /// <summary>Lossless encoding (5/3 wavelet, reversible colour transform for RGB) of a frame that lies colour by pixel, little endian.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> source, PixelLayout layout)
    {
        if (!Available) NativeLibraryLoader.Need(NativeLibraryLoader.OpenJpeg);
        if (layout.BitsAllocated is not (8 or 16)) throw new PixelDataException(PixelDataError.Unsupported, $"JPEG 2000 of {layout.BitsAllocated} bit.");
        var samples = layout.SamplesPerPixel;
        var components = stackalloc ComponentParameters[samples];
        for (var c = 0; c < samples; c++)
        {
            // All allocated bits are coded, so that what lies above Bits Stored comes back too.
            components[c] = new ComponentParameters { Dx = 1, Dy = 1, W = (uint)layout.Columns, H = (uint)layout.Rows, Prec = (uint)layout.BitsAllocated, Bpp = (uint)layout.BitsAllocated, Sgnd = layout.Signed ? 1u : 0 };
        }

        var image = opj_image_create((uint)samples, components, samples == 3 ? 1 : 2);
        if (image == null) throw new PixelDataException(PixelDataError.TooLarge, "OpenJPEG cannot allocate the image.");
        var codec = opj_create_compress(0);
        IntPtr stream = 0;
        var memory = new Memory { Length = 0 };
        try
        {
            image->X1 = (uint)layout.Columns;
            image->Y1 = (uint)layout.Rows;
            Load(source, layout, image);
            // opj_cparameters_t has 18,720 bytes in 2.5; the fields set here have kept their places since 2.1.
            var parameters = stackalloc byte[32768];
            opj_set_default_encoder_parameters(parameters);
            *(int*)(parameters + 20) = 1; // cp_disto_alloc
            *(int*)(parameters + 4796) = 1; // tcp_numlayers
            *(float*)(parameters + 4800) = 0; // tcp_rates[0]: lossless
            var levels = 1;
            while (levels < 6 && Math.Min(layout.Columns, layout.Rows) >> levels > 0) levels++;
            *(int*)(parameters + 5600) = levels; // numresolution
            parameters[18698] = (byte)(samples == 3 ? 1 : 0); // tcp_mct
            if (opj_setup_encoder(codec, parameters, image) == 0) throw new PixelDataException(PixelDataError.Unsupported, "OpenJPEG refuses the image.");
            stream = Open(&memory, input: false);
            if (opj_start_compress(codec, image, stream) == 0 || opj_encode(codec, stream) == 0 || opj_end_compress(codec, stream) == 0)
                throw new PixelDataException(PixelDataError.BadStream, "OpenJPEG cannot encode the image.");
            return new ReadOnlySpan<byte>(memory.Data, checked((int)memory.Length)).ToArray();
        }
        finally
        {
            if (stream != 0) opj_stream_destroy(stream);
            NativeMemory.Free(memory.Data);
            opj_destroy_codec(codec);
            opj_image_destroy(image);
        }
    }

    private static void CheckHeader(Image* image, PixelLayout layout)
    {
        if (image == null || image->NumComps != layout.SamplesPerPixel) throw new PixelDataException(PixelDataError.Mismatch, $"The JPEG 2000 stream has {(image == null ? 0 : image->NumComps)} components; the dataset says {layout.SamplesPerPixel}.");
        for (var c = 0; c < layout.SamplesPerPixel; c++)
        {
            var component = image->Comps + c;
            if (component->Dx != 1 || component->Dy != 1) throw new PixelDataException(PixelDataError.Unsupported, "JPEG 2000 with subsampled components.");
            Jpeg.JpegCheck.Matches((int)component->H, (int)component->W, layout.SamplesPerPixel, (int)component->Prec, layout);
        }
    }

    private static void Store(Image* image, PixelLayout layout, Span<byte> destination)
    {
        var samples = layout.SamplesPerPixel;
        for (var c = 0; c < samples; c++)
        {
            var component = image->Comps + c;
            if (component->Data == null) throw new PixelDataException(PixelDataError.Truncated, "The JPEG 2000 stream ends before its pixels.");
            var data = new ReadOnlySpan<int>(component->Data, layout.PixelCount);
            var mask = (int)((1L << (int)component->Prec) - 1);
            // The stream's sign bit may contradict Pixel Representation; the dataset's wins (PS3.5 8.2.4). Signed values are extended to the allocated width.
            var extend = layout.Signed ? 32 - (int)component->Prec : 0;
            if (layout.BytesPerSample == 1)
            {
                for (int i = 0, at = c; i < data.Length; i++, at += samples) destination[at] = (byte)(extend > 0 ? (data[i] << extend) >> extend : data[i] & mask);
                continue;
            }

            if (samples == 1)
            {
                var words = MemoryMarshal.Cast<byte, short>(destination)[..data.Length];
                if (extend > 0) for (var i = 0; i < words.Length; i++) words[i] = (short)((data[i] << extend) >> extend);
                else for (var i = 0; i < words.Length; i++) words[i] = (short)(data[i] & mask);
                continue;
            }

            for (int i = 0, at = 2 * c; i < data.Length; i++, at += 2 * samples)
                BinaryPrimitives.WriteInt16LittleEndian(destination[at..], (short)(extend > 0 ? (data[i] << extend) >> extend : data[i] & mask));
        }
    }

    private static void Load(ReadOnlySpan<byte> source, PixelLayout layout, Image* image)
    {
        var samples = layout.SamplesPerPixel;
        for (var c = 0; c < samples; c++)
        {
            var data = new Span<int>((image->Comps + c)->Data, layout.PixelCount);
            for (var i = 0; i < data.Length; i++)
            {
                var at = (i * samples) + c;
                data[i] = (layout.BytesPerSample, layout.Signed) switch
                {
                    (1, false) => source[at],
                    (1, true) => (sbyte)source[at],
                    (_, false) => BinaryPrimitives.ReadUInt16LittleEndian(source[(2 * at)..]),
                    _ => BinaryPrimitives.ReadInt16LittleEndian(source[(2 * at)..]),
                };
            }
        }
    }

    private static IntPtr Open(Memory* memory, bool input)
    {
        var stream = opj_stream_create(1 << 20, input ? 1 : 0);
        if (stream == 0) throw new PixelDataException(PixelDataError.BadStream, "OpenJPEG cannot open a stream.");
        opj_stream_set_user_data(stream, memory, null);
        opj_stream_set_user_data_length(stream, input ? (ulong)memory->Length : 0);
        if (input) opj_stream_set_read_function(stream, &Read);
        else opj_stream_set_write_function(stream, &Write);
        opj_stream_set_skip_function(stream, &Skip);
        opj_stream_set_seek_function(stream, &Seek);
        return stream;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Read(void* buffer, nint size, void* user)
    {
        var memory = (Memory*)user;
        var left = memory->Length - memory->Position;
        if (left <= 0) return -1;
        var take = Math.Min(left, size);
        Buffer.MemoryCopy(memory->Data + memory->Position, buffer, size, take);
        memory->Position += take;
        return (nint)take;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Write(void* buffer, nint size, void* user)
    {
        var memory = (Memory*)user;
        var end = memory->Position + size;
        if (end > memory->Capacity)
        {
            var capacity = Math.Max(end, Math.Max(memory->Capacity * 2, 1 << 16));
            // NativeMemory.Realloc throws when it cannot; an exception must not cross into the library.
            var grown = (byte*)Realloc(memory->Data, (nuint)capacity);
            if (grown == null) return -1;
            memory->Data = grown;
            memory->Capacity = capacity;
        }

        Buffer.MemoryCopy(buffer, memory->Data + memory->Position, memory->Capacity - memory->Position, size);
        memory->Position = end;
        memory->Length = Math.Max(memory->Length, end);
        return size;
    }

    private static void* Realloc(void* data, nuint size)
    {
        try
        {
            return NativeMemory.Realloc(data, size);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long Skip(long bytes, void* user)
    {
        var memory = (Memory*)user;
        if (bytes < 0 || bytes > memory->Length - memory->Position) return -1;
        memory->Position += bytes;
        return bytes;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Seek(long position, void* user)
    {
        var memory = (Memory*)user;
        if (position < 0 || position > memory->Length) return 0;
        memory->Position = position;
        return 1;
    }

    private struct Memory
    {
        public byte* Data;
        public long Length;
        public long Position;
        public long Capacity;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Image
    {
        public uint X0, Y0, X1, Y1, NumComps;
        public int ColorSpace;
        public Component* Comps;
        public byte* IccProfile;
        public uint IccLength;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Component
    {
        public uint Dx, Dy, W, H, X0, Y0, Prec, Bpp, Sgnd, ResnoDecoded, Factor;
        public int* Data;
        public ushort Alpha;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ComponentParameters
    {
        public uint Dx, Dy, W, H, X0, Y0, Prec, Bpp, Sgnd;
    }

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial IntPtr opj_create_decompress(int format);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial IntPtr opj_create_compress(int format);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_destroy_codec(IntPtr codec);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_set_default_decoder_parameters(byte* parameters);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_set_default_encoder_parameters(byte* parameters);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial int opj_setup_decoder(IntPtr codec, byte* parameters);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial int opj_setup_encoder(IntPtr codec, byte* parameters, Image* image);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial int opj_read_header(IntPtr stream, IntPtr codec, Image** image);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial int opj_decode(IntPtr codec, IntPtr stream, Image* image);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial int opj_start_compress(IntPtr codec, Image* image, IntPtr stream);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial int opj_encode(IntPtr codec, IntPtr stream);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial int opj_end_compress(IntPtr codec, IntPtr stream);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial Image* opj_image_create(uint count, ComponentParameters* parameters, int colorSpace);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_image_destroy(Image* image);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial IntPtr opj_stream_create(nuint bufferSize, int isInput);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_stream_destroy(IntPtr stream);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_stream_set_user_data(IntPtr stream, void* user, void* free);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_stream_set_user_data_length(IntPtr stream, ulong length);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_stream_set_read_function(IntPtr stream, delegate* unmanaged[Cdecl]<void*, nint, void*, nint> function);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_stream_set_write_function(IntPtr stream, delegate* unmanaged[Cdecl]<void*, nint, void*, nint> function);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_stream_set_skip_function(IntPtr stream, delegate* unmanaged[Cdecl]<long, void*, long> function);

    [LibraryImport(NativeLibraryLoader.OpenJpeg)]
    private static partial void opj_stream_set_seek_function(IntPtr stream, delegate* unmanaged[Cdecl]<long, void*, int> function);
}
