// The codec libraries themselves, called directly: codec_peer CODEC FRAME COUNT WIDTH HEIGHT SAMPLES BITS, CODEC = jls | j2k | jpeg. Decodes one frame COUNT times
// into the same buffer. Prints "seconds cpu-seconds frames pixels". The prototypes are the libraries' own, so that no headers need to be installed.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>
#include <openjpeg.h>

extern "C"
{
    void *charls_jpegls_decoder_create();
    void charls_jpegls_decoder_destroy(void *);
    int charls_jpegls_decoder_set_source_buffer(void *, const void *, size_t);
    int charls_jpegls_decoder_read_header(void *);
    int charls_jpegls_decoder_decode_to_buffer(void *, void *, size_t, unsigned);
    void *tjInitDecompress();
    int tjDestroy(void *);
    int tjDecompress2(void *, const unsigned char *, unsigned long, unsigned char *, int, int, int, int, int);
}

struct Memory
{
    const unsigned char *data;
    size_t length, at;
};

static OPJ_SIZE_T read_some(void *to, OPJ_SIZE_T n, void *user)
{
    Memory *m = static_cast<Memory *>(user);
    if (m->at >= m->length) return (OPJ_SIZE_T)-1;
    if (n > m->length - m->at) n = m->length - m->at;
    memcpy(to, m->data + m->at, n);
    m->at += n;
    return n;
}

static OPJ_OFF_T skip_some(OPJ_OFF_T n, void *user)
{
    static_cast<Memory *>(user)->at += n;
    return n;
}

static OPJ_BOOL seek_to(OPJ_OFF_T at, void *user)
{
    static_cast<Memory *>(user)->at = at;
    return OPJ_TRUE;
}

static bool j2k(const std::vector<unsigned char> &frame, std::vector<unsigned char> &out, int samples, int bytes)
{
    Memory memory = {frame.data(), frame.size(), 0};
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_setup_decoder(codec, &parameters);
    opj_stream_t *stream = opj_stream_create(1 << 20, OPJ_TRUE);
    opj_stream_set_user_data(stream, &memory, nullptr);
    opj_stream_set_user_data_length(stream, frame.size());
    opj_stream_set_read_function(stream, read_some);
    opj_stream_set_skip_function(stream, skip_some);
    opj_stream_set_seek_function(stream, seek_to);
    opj_image_t *image = nullptr;
    bool good = opj_read_header(stream, codec, &image) && opj_decode(codec, stream, image);
    if (good)
    {
        // What any caller has to do: the library's 32-bit planes to samples.
        size_t pixels = (size_t)image->comps[0].w * image->comps[0].h;
        for (int c = 0; c < samples; c++)
        {
            const OPJ_INT32 *from = image->comps[c].data;
            if (bytes == 1) for (size_t i = 0; i < pixels; i++) out[i * samples + c] = (unsigned char)from[i];
            else for (size_t i = 0; i < pixels; i++) reinterpret_cast<unsigned short *>(out.data())[i * samples + c] = (unsigned short)from[i];
        }
    }

    if (image) opj_image_destroy(image);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 8) return 2;
    std::ifstream file(argv[2], std::ios::binary);
    std::vector<unsigned char> frame((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    int count = atoi(argv[3]), width = atoi(argv[4]), height = atoi(argv[5]), samples = atoi(argv[6]), bytes = atoi(argv[7]) > 8 ? 2 : 1;
    std::vector<unsigned char> out((size_t)width * height * samples * bytes);
    auto start = std::chrono::steady_clock::now();
    clock_t cpu = clock();
    for (int i = 0; i < count; i++)
    {
        bool good;
        if (!strcmp(argv[1], "jls"))
        {
            void *decoder = charls_jpegls_decoder_create();
            good = !charls_jpegls_decoder_set_source_buffer(decoder, frame.data(), frame.size()) && !charls_jpegls_decoder_read_header(decoder)
                && !charls_jpegls_decoder_decode_to_buffer(decoder, out.data(), out.size(), 0);
            charls_jpegls_decoder_destroy(decoder);
        }
        else if (!strcmp(argv[1], "jpeg"))
        {
            void *decoder = tjInitDecompress();
            // RGB or grey, accurate DCT, as ours.
            good = !tjDecompress2(decoder, frame.data(), frame.size(), out.data(), width, 0, height, samples == 1 ? 6 : 0, 4096);
            tjDestroy(decoder);
        }
        else good = j2k(frame, out, samples, bytes);
        if (!good) return 1;
    }

    printf("%.6f %.6f %d %lld\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), (double)(clock() - cpu) / CLOCKS_PER_SEC, count, (long long)count * width * height);
    return 0;
}
